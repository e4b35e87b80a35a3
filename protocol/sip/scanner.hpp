// A text that is read once from left to right: what the decoders of this folder are written with.
#pragma once

#include "protocol/sip/text.hpp"

#include <cstdint>
#include <string_view>

namespace holdfast::sip::text {

// Nothing is copied; what is handed out are parts of the text.
class scanner {
public:
  explicit scanner(std::string_view text) : at_{text.data()}, end_{text.data() + text.size()} {}

  [[nodiscard]] bool done() const { return at_ == end_; }
  [[nodiscard]] bool sees(char c) const { return at_ != end_ && *at_ == c; }
  [[nodiscard]] bool sees_blank() const { return at_ != end_ && is_blank(*at_); }
  [[nodiscard]] const char* position() const { return at_; }
  [[nodiscard]] std::string_view rest() const { return between(at_, end_); }
  // From an earlier position to here.
  [[nodiscard]] std::string_view since(const char* begin) const { return between(begin, at_); }

  bool take(char c) {
    if (!sees(c)) return false;
    ++at_;
    return true;
  }
  void skip(char_class k) {
    const auto* p = at_; // a member would be stored with every byte
    while (p != end_ && is(*p, k)) ++p;
    at_ = p;
  }
  void skip_blanks() {
    const auto* p = at_;
    while (p != end_ && is_blank(*p)) ++p;
    at_ = p;
  }
  // The longest run of that class; it may be empty.
  [[nodiscard]] std::string_view run(char_class k) {
    const auto* begin = at_;
    skip(k);
    return since(begin);
  }
  // Up to the next `c`, which is taken and is not part of it. False: there is none, nothing is
  // taken.
  bool take_until(char c, std::string_view& before) {
    const auto left = rest();
    const auto found = left.find(c);
    if (found == std::string_view::npos) return false;
    before = between(at_, at_ + found);
    at_ += found + 1;
    return true;
  }

  // A run in which "%41" is a character as well. False: a '%' that begins no escape.
  [[nodiscard]] bool skip_escaped(char_class k) {
    for (skip(k); sees('%'); skip(k)) {
      if (end_ - at_ < 3 || hex_value(at_[1]) < 0 || hex_value(at_[2]) < 0) return false;
      at_ += 3;
    }
    return true;
  }
  // At a '"': to behind the closing one. False: there is none.
  [[nodiscard]] bool skip_quoted() {
    const auto end = after_quoted(rest(), 0);
    if (end == std::string_view::npos) return false;
    at_ += end;
    return true;
  }
  // At least one digit, leading zeros are fine, no more than `max`.
  template <class Number>
  [[nodiscard]] bool take_number(Number& out, std::uint64_t max) {
    const auto* p = at_;
    std::uint64_t n = 0;
    for (; p != end_ && is_digit(*p); ++p) {
      if (n >= UINT64_MAX / 10) return false; // one digit more might not fit
      n = n * 10 + static_cast<std::uint64_t>(*p - '0');
      if (n > max) return false;
    }
    if (p == at_) return false;
    at_ = p;
    out = static_cast<Number>(n);
    return true;
  }
  // A name, an IPv4 address or an IPv6 reference, which is given without its brackets.
  [[nodiscard]] bool take_host(std::string_view& host) {
    if (!sees('[')) return !(host = run(host_name_char)).empty();
    return take_ipv6(host);
  }
  [[nodiscard]] bool take_port(std::uint16_t& port) {
    return take_number(port, 65535) && port != 0;
  }

private:
  static std::string_view between(const char* begin, const char* end) {
    return {begin, static_cast<std::size_t>(end - begin)};
  }
  bool take_ipv6(std::string_view& host);

  const char* at_;
  const char* end_;
};

} // namespace holdfast::sip::text
