// One SIP connection: frames what comes (protocol/sip/stream_framing.hpp), answers pings, queues
// what goes, within limits.hpp. It belongs to the thread of its io_context and to its keeper, which
// hears of its end exactly once.
//
//   handshake -> open -> closed     idle, a message that takes too long, a slow reader, broken
//   framing
#pragma once

#include "actors/stream_messages.hpp"
#include "protocol/core/flow.hpp"
#include "protocol/sip/stream_framing.hpp"
#include "runtime/streams/byte_stream.hpp"
#include "runtime/streams/limits.hpp"

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::runtime {

class sip_connection;

class connection_keeper {
public:
  // False: read no more until read_on().
  virtual bool arrived(std::vector<actors::stream_message> messages) = 0;
  // `tickets`: of what was not sent any more.
  virtual void ended(sip_connection& c, std::string_view why, std::vector<std::string> tickets) = 0;

protected:
  ~connection_keeper() = default;
};

class sip_connection : public std::enable_shared_from_this<sip_connection> {
public:
  using clock = std::chrono::steady_clock;

  // `keeper` and `limits` outlive it.
  sip_connection(std::shared_ptr<byte_stream> stream, flow is, sip::keep_alive side,
                 connection_keeper& keeper, const stream_limits& limits);

  [[nodiscard]] const flow& is() const { return is_; }
  [[nodiscard]] bool closed() const { return closed_; }

  void start();
  // False: closed, or the other end is so slow that unsent_bytes are waiting.
  [[nodiscard]] bool send(std::string bytes, std::string ticket);
  void read_on();
  void close(std::string_view why);
  // Ends what has taken too long; every second or so.
  void check(clock::time_point now);

private:
  struct unsent {
    std::string bytes;
    std::string ticket;
  };

  void read();
  void take(std::string_view bytes);
  void take_stream(std::string_view bytes, std::vector<actors::stream_message>& out);
  void write();

  std::shared_ptr<byte_stream> stream_;
  flow is_;
  connection_keeper& keeper_;
  const stream_limits& limits_;
  sip::stream_framing framing_;
  std::vector<char> buffer_;
  std::deque<unsent> unsent_; // the first one is being written
  std::size_t unsent_bytes_ = 0;
  clock::time_point since_;
  clock::time_point heard_;
  clock::time_point write_began_;
  std::optional<clock::time_point> message_began_; // one is incomplete
  bool open_ = false;
  bool closed_ = false;
  bool writing_ = false;
  bool reading_ = false;
  bool paused_ = false;
  bool had_message_ = false;
};

} // namespace holdfast::runtime
