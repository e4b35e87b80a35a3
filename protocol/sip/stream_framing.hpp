// A stream to messages: RFC 3261 18.3 (Content-Length says where one ends), 7.5 (CRLFs before a
// start line), RFC 5626 3.5.1 and 4.4.1 (a double CRLF is a ping, its answer, a single one, a
// pong).
//
//   bytes --push()--> buffer --next()--> stream_message | ping | pong | incomplete | broken
//
// Linear in the bytes pushed, however few come at a time: what was searched is not searched again.
#pragma once

#include "protocol/sip/message_view.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

namespace holdfast::sip {

struct stream_message {
  std::string_view bytes; // one message, start line to end of body; until the next push()
};
struct ping {}; // to be answered with pong_bytes
struct pong {};
struct incomplete {}; // nothing more until the next push()
struct broken {       // this stream can never become a message again; it is to be closed
  std::string_view what;
};

using stream_event = std::variant<stream_message, ping, pong, incomplete, broken>;

inline constexpr std::string_view ping_bytes = "\r\n\r\n";
inline constexpr std::string_view pong_bytes = "\r\n";

// Who keeps the flow alive: the side that opened it asks, the other answers.
enum class keep_alive : std::uint8_t { we_answer, we_ask };

class stream_framing {
public:
  explicit stream_framing(keep_alive side = keep_alive::we_answer) : side_{side} {}

  // Call next() until it says incomplete, so that no more than one unfinished message is held:
  // message_size_max and the bytes of one push().
  void push(std::string_view bytes);
  [[nodiscard]] stream_event next();
  // After incomplete: a message has begun and is not over. A lone CRLF is none.
  [[nodiscard]] bool unfinished() const { return !ping_bytes.starts_with(rest()); }

private:
  [[nodiscard]] std::string_view rest() const { return std::string_view{buffer_}.substr(begin_); }
  [[nodiscard]] bool take_keep_alive(stream_event& out);
  [[nodiscard]] stream_event take_message();
  [[nodiscard]] stream_event fail(std::string_view what);

  std::string buffer_;
  std::size_t begin_ = 0;    // what is before was taken
  std::size_t searched_ = 0; // of rest(): the end of the headers does not begin before
  std::size_t size_ = 0;     // of the message at begin_, once its headers are complete
  std::string_view broken_;
  keep_alive side_;
};

} // namespace holdfast::sip
