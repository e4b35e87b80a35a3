// The stream connections of a proxy: those that dispatchers relay to it, a PROXY protocol header at
// their head, and those it opens itself. One thread; actors speak to it by its public functions,
// which may be called from any.
//
//   dispatcher --PROXY v2, bytes--> [arrival] --> sip_connection --stream_message--> deliver
//   send(stream_output) --> the connection it names | one to that address | connect out | its
//   ticket back
#pragma once

#include "actors/stream_messages.hpp"
#include "protocol/core/flow.hpp"
#include "runtime/streams/limits.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace boost::asio::ssl {
class context;
}

namespace holdfast::runtime {

class tls_identity;

class sip_streams {
public:
  struct options {
    std::string node; // the first half of the names of its connections
    endpoint inside;  // where dispatchers relay to
    stream_limits limits{};
    std::uint16_t tls_port = 0;       // connections to this public port are TLS; 0: none are
    std::uint16_t websocket_port = 0; // likewise
    std::shared_ptr<tls_identity> tls_server{};
    std::shared_ptr<boost::asio::ssl::context> tls_client{}; // absent: none is opened over TLS
  };
  // In the thread of the streams. False: enough for now, until resume().
  using deliver = std::function<bool(std::vector<actors::stream_message>)>;
  using report = std::function<void(std::vector<std::string> tickets)>;

  struct counters {
    std::atomic<std::uint64_t> accepted{0};
    std::atomic<std::uint64_t> connected{0};
    std::atomic<std::uint64_t> refused{0}; // a stranger, too many, a bad header, no handshake
    std::atomic<std::uint64_t> unreachable{0};
    std::atomic<std::uint64_t> open{0};
  };

  explicit sip_streams(options o); // throws std::runtime_error
  ~sip_streams();
  sip_streams(const sip_streams&) = delete;
  sip_streams& operator=(const sip_streams&) = delete;

  [[nodiscard]] endpoint local() const;
  [[nodiscard]] const counters& totals() const;

  void receive(deliver messages, report failures); // nothing is accepted before the first
  void trust(std::vector<std::string> hosts);
  void send(std::vector<actors::stream_output> messages);
  void resume();
  void stop(); // nothing is delivered from then on

private:
  class engine;
  std::unique_ptr<engine> engine_;
};

} // namespace holdfast::runtime
