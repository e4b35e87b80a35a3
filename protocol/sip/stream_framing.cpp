#include "protocol/sip/stream_framing.hpp"

#include "protocol/sip/text.hpp"

#include <algorithm>

namespace holdfast::sip {

namespace {

constexpr std::string_view end_of_headers = "\r\n\r\n";

// Bytes of the message whose headers these are; an error when it does not say.
decoded<std::size_t> size_of(std::string_view head) {
  message_view m;
  (void)m.read(head); // what else is wrong with it is for whoever reads the message
  const auto said = m.header(header_name::content_length);
  if (!said) return wrong("no Content-Length on a stream"); // RFC 3261 18.3: MUST be there
  if (m.has_several(header_name::content_length)) return wrong("more than one Content-Length");
  const auto length = text::to_number(*said, message_size_max);
  if (!length) return wrong("malformed Content-Length");
  const auto size = head.size() + static_cast<std::size_t>(*length);
  if (size > message_size_max) return wrong("message too large");
  return size;
}

} // namespace

void stream_framing::push(std::string_view bytes) {
  // Moves no more than was taken: each byte is moved once on average.
  if (begin_ > buffer_.size() / 2) {
    buffer_.erase(0, begin_);
    begin_ = 0;
  }
  buffer_ += bytes;
}

stream_event stream_framing::next() {
  if (!broken_.empty()) return broken{broken_};
  stream_event out = incomplete{};
  if (size_ == 0 && searched_ == 0 && take_keep_alive(out)) return out;
  return take_message();
}

// Between messages. True: `out` is what to say, and a lone CR or CRLF may have to wait.
bool stream_framing::take_keep_alive(stream_event& out) {
  for (;;) {
    const auto r = rest();
    if (side_ == keep_alive::we_ask && r.starts_with(pong_bytes)) {
      begin_ += pong_bytes.size();
      out = pong{};
      return true;
    }
    if (r.starts_with(ping_bytes)) {
      begin_ += ping_bytes.size();
      out = ping{};
      return true;
    }
    if (ping_bytes.starts_with(r)) return true; // empty, or the beginning of a ping
    if (!r.starts_with("\r\n")) return false;
    begin_ += 2; // RFC 3261 7.5: ignored before a start line
  }
}

stream_event stream_framing::take_message() {
  const auto r = rest();
  if (size_ == 0) {
    const auto end = r.find(end_of_headers, searched_);
    if (end == std::string_view::npos) {
      if (r.size() > message_size_max) return fail("headers too large");
      searched_ = r.size() < end_of_headers.size() ? 0 : r.size() - (end_of_headers.size() - 1);
      return incomplete{};
    }
    const auto size = size_of(r.substr(0, end + end_of_headers.size()));
    if (!size) return fail(size.error());
    size_ = *size;
  }
  if (r.size() < size_) return incomplete{};
  const stream_message out{r.substr(0, size_)};
  begin_ += size_;
  size_ = searched_ = 0;
  return out;
}

stream_event stream_framing::fail(std::string_view what) {
  broken_ = what;
  buffer_.clear();
  begin_ = 0;
  return broken{what};
}

} // namespace holdfast::sip
