// Opens and accepts the authenticated connections between nodes: one thread that polls the listener
// and every unfinished handshake, so that one silent peer delays nobody.
//
//   listener --accept--> (TLS) --> handshake --proved--> accepted(peer, descriptor)
//   dial() --connect--> (TLS) --> handshake --proved--> done(peer, descriptor)    else done(why
//   not)
//
// Two nodes that dial each other at the same moment must end up with one connection: BASP would
// route over both, lose track of senders and cut both when their heartbeats stay away. So of two
// crossing dials the one of the node whose name comes first wins, and for `crossing_hold` after a
// connection went to BASP none is opened in the other direction.
#pragma once

#include "protocol/core/endpoint.hpp"
#include "protocol/core/result.hpp"
#include "runtime/file_descriptor.hpp"
#include "runtime/link_handshake.hpp"
#include "runtime/link_tls.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace holdfast::runtime {

class link_exchange {
public:
  static constexpr std::chrono::milliseconds handshake_time_out{500}; // a dial: connect included
  static constexpr std::chrono::milliseconds crossing_hold{300};
  static constexpr std::size_t incoming_max = 64; // unfinished ones; above, the oldest is dropped
  static constexpr std::size_t outgoing_max = 256;

  struct link {
    std::string peer;
    file_descriptor connection; // non-blocking, nothing of BASP's read yet
    std::optional<tls_connection> tls{};
  };
  // Both run in the thread of the exchange and must not block.
  using accepted_callback = std::function<void(link)>;
  using dial_callback = std::function<void(result<link>)>;

  struct counters {
    std::atomic<std::uint64_t> accepted{0};
    std::atomic<std::uint64_t> dialed{0};
    std::atomic<std::uint64_t> refused{0};
    std::atomic<std::uint64_t> open_handshakes{0};
  };

  struct security {
    std::string cluster_key; // at least 16 bytes
    // With it every link is under TLS, and nothing else is understood. Outlives the exchange.
    const link_tls* tls = nullptr;
    std::string likeness{}; // link_handshake; empty: unknown
  };

  // Listens at once; throws std::runtime_error. Nothing is accepted before accept().
  link_exchange(const endpoint& where, std::string own_name, security how);
  ~link_exchange();
  link_exchange(const link_exchange&) = delete;
  link_exchange& operator=(const link_exchange&) = delete;

  [[nodiscard]] endpoint local() const { return local_; }
  [[nodiscard]] const counters& totals() const { return counters_; }

  void accept(accepted_callback accepted);
  // `address` is numeric. `done` runs once, unless the exchange is stopped first.
  void dial(std::string peer, endpoint address, dial_callback done);
  void stop();

private:
  using clock = std::chrono::steady_clock;

  struct dial_order {
    std::string peer;
    endpoint address;
    dial_callback done;
  };
  struct pending {
    file_descriptor fd;
    std::optional<tls_connection> tls;
    link_handshake handshake;
    clock::time_point deadline;
    endpoint address;   // of the other end
    dial_callback done; // a dial
    std::string dialed; // the peer a dial is for; may be empty
    bool connecting = false;
    bool over = false;
    std::string output{};
    bool securing = false;    // the TLS handshake runs
    bool tls_writing = false; // and waits to write

    [[nodiscard]] bool incoming() const { return !done; }
  };
  // A connection with that peer went to BASP lately.
  struct handed {
    bool incoming = false;
    clock::time_point until;
  };

  void run();
  void poll_once();
  [[nodiscard]] int poll_time_out() const;
  void take_orders();
  void begin_dial(dial_order order);
  void accept_waiting();
  void begin_incoming(file_descriptor fd, endpoint from);
  void advance(pending& p, short events);
  [[nodiscard]] bool finish_connect(pending& p);
  [[nodiscard]] bool secure(pending& p);
  [[nodiscard]] link_handshake prepared(link_handshake made) const;
  [[nodiscard]] static std::ptrdiff_t receive(pending& p, char* buffer, std::size_t size);
  [[nodiscard]] static std::ptrdiff_t transmit(pending& p);
  void read(pending& p);
  [[nodiscard]] bool write(pending& p);
  void finish(pending& p);
  void give_up(pending& p, const std::string& why);
  void expire(clock::time_point now);
  [[nodiscard]] bool admit(const std::string& peer);
  [[nodiscard]] bool lately(const std::string& peer, bool incoming);
  void complain(const pending& p, const std::string& why);

  std::string own_name_;
  security security_;
  file_descriptor listener_;
  endpoint local_;
  file_descriptor wake_;
  counters counters_;

  std::mutex mutex_; // for the four below
  std::vector<dial_order> orders_;
  accepted_callback new_accepted_;
  bool stopped_ = false;

  // of the thread alone
  accepted_callback accepted_;
  std::list<pending> pending_; // incoming ones in order of arrival
  std::map<std::string, handed> handed_;
  clock::time_point no_accept_before_{};
  clock::time_point no_complaint_before_{};
  std::uint64_t silent_complaints_ = 0;

  std::thread thread_;
};

} // namespace holdfast::runtime
