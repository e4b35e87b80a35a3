#include "protocol/sip/params.hpp"

#include "protocol/sip/params_view.hpp"
#include "protocol/sip/scanner.hpp"
#include "protocol/sip/text.hpp"

#include <algorithm>
#include <array>

namespace holdfast::sip {

namespace {

// What an element adds to a header field that it was given: a hop `received` to the Via of the hop
// before (RFC 3261 18.2.1), whoever answers a `tag` to To (8.2.6.2).
constexpr std::array<std::string_view, 2> added_names{"received", "tag"};

// '=' may stand inside a value (base64 padding), not at its start.
[[gnu::always_inline]] inline bool take_value(text::scanner& s, std::string_view& value) {
  const auto* begin = s.position();
  if (s.sees('"')) {
    if (!s.skip_quoted()) return false;
  } else {
    s.skip(text::param_value_char);
    if (s.position() == begin) return false;
    while (s.take('=')) s.skip(text::param_value_char);
  }
  value = s.since(begin);
  return true;
}

// From its ';' to the next, blanks on the way.
[[gnu::always_inline]] inline bool take_param(text::scanner& s, param_view& p) {
  if (!s.take(';')) return false;
  s.skip_blanks();
  p.name = s.run(text::param_name_char);
  if (p.name.empty()) return false;
  s.skip_blanks();
  p.has_value = s.take('=');
  p.value = {};
  if (p.has_value) {
    s.skip_blanks();
    if (!take_value(s, p.value)) return false;
    s.skip_blanks();
  }
  return s.done() || s.sees(';');
}

template <class List>
auto find_in(List& params, std::string_view name) {
  return std::find_if(params.begin(), params.end(),
                      [&](const param& p) { return text::same(p.name, name); });
}

} // namespace

const param* find_param(const param_list& params, std::string_view name) {
  const auto it = find_in(params, name);
  return it == params.end() ? nullptr : &*it;
}

std::string_view param_value(const param_list& params, std::string_view name) {
  const auto* found = find_param(params, name);
  return found != nullptr && found->value ? std::string_view{*found->value} : std::string_view{};
}

void set_param(param_list& params, std::string_view name, std::optional<std::string> value) {
  const auto it = find_in(params, name);
  if (it == params.end())
    params.push_back(param{std::string{name}, std::move(value)});
  else
    it->value = std::move(value);
}

void remove_param(param_list& params, std::string_view name) {
  std::erase_if(params, [&](const param& p) { return text::same(p.name, name); });
}

std::string to_string(const param_list& params) {
  std::string out;
  for (const auto& p : params) {
    out += ';';
    out += p.name;
    if (p.value) out += "=" + *p.value;
  }
  return out;
}

bool params_view::next(std::size_t& at, param_view& p) const {
  text::scanner s{text_.substr(at)};
  s.skip_blanks();
  const bool more = !s.done();
  if (more && !take_param(s, p)) return false;
  at = static_cast<std::size_t>(s.position() - text_.data());
  return more;
}

std::string_view params_view::check(std::string_view wanted, std::string_view& value) const {
  text::scanner s{text_};
  param_view p;
  bool seen = false;
  std::size_t counted = 0;
  for (s.skip_blanks(); !s.done();) {
    if (!take_param(s, p)) return "malformed parameters";
    if (!seen && text::same(p.name, wanted)) {
      value = p.value;
      seen = true;
    }
    if (++counted > params_max && counted > params_max + added()) return "too many parameters";
  }
  return {};
}

std::size_t params_view::added() const {
  return static_cast<std::size_t>(std::count_if(
      added_names.begin(), added_names.end(), [this](std::string_view name) { return has(name); }));
}

bool params_view::find(std::string_view name, param_view& found) const {
  text::scanner s{text_};
  for (s.skip_blanks(); !s.done() && take_param(s, found);)
    if (text::same(found.name, name)) return true;
  return false;
}

bool params_view::has(std::string_view name) const {
  param_view p;
  return find(name, p);
}

std::string_view params_view::value(std::string_view name) const {
  param_view p;
  return find(name, p) ? p.value : std::string_view{};
}

param_list copy_of(const params_view& params) {
  param_list out;
  param_view p;
  for (std::size_t at = 0; params.next(at, p);) {
    auto& made = out.emplace_back(param{std::string{p.name}, std::nullopt});
    if (p.has_value) made.value = text::unfolded(p.value);
  }
  return out;
}

std::optional<param_list> parse_params(std::string_view in) {
  const params_view view{in};
  if (!view.check().empty()) return std::nullopt;
  return copy_of(view);
}

} // namespace holdfast::sip
