// The network between simulated processes, and to the world outside: datagrams, and connections
// that carry BASP's bytes. Every delay is chance; connections keep their order.
//
// What a fault does:
//   crash   datagrams to it vanish; its connections break at the other end a moment later
//   hang    everything to it waits (simulated_process::execute)
//   cut     datagrams vanish, bytes wait, dialing is answered by nothing, until healed: one way or
//           both
//   damage  a connection ends at its first wrong byte, as one under TLS does; of the datagrams
//   between
//           the two those that carry a proof of their own have a wrong bit by chance. A wrong bit
//           in any other is what the checksum of UDP makes of it: a loss
//   weather datagrams are lost, doubled or late by chance, those of clients or those inside
#pragma once

#include "protocol/core/endpoint.hpp"
#include "simulations/simulated_process.hpp"
#include "simulations/timeline.hpp"

#include <caf/io/connection_handle.hpp>

#include <array>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::simulations {

// What happens to datagrams by chance; in thousandths of them.
struct weather {
  unsigned lost = 0;
  unsigned doubled = 0;
  unsigned late = 0; // by up to lateness_max: later ones overtake them
};

class simulated_network {
public:
  static constexpr duration lateness_max{200ms};
  static constexpr duration delay_min{50us};
  static constexpr duration delay_max{800us};
  static constexpr duration dial_timeout{1s};

  using receiver = std::function<void(const endpoint& from, const std::string& bytes)>;

  explicit simulated_network(timeline& time) : time_{time} {}

  // Datagrams to `where` are handed to `to` inside `owner`. A later one takes the address over.
  // Sealed: whoever receives them can tell a wrong bit.
  void bind(const endpoint& where, simulated_process& owner, receiver to, bool sealed = false);
  // Datagrams to addresses that nobody is bound to: those of the world outside.
  void
  outside(std::function<void(const endpoint& from, const endpoint& to, std::string bytes)> to) {
    outside_ = std::move(to);
  }
  // Told of every datagram between the cluster and a client as it sets out, be it lost or not.
  void observe_clients(
      std::function<void(bool to_cluster, const endpoint& client, const std::string& bytes)> to) {
    observer_ = std::move(to);
  }
  void send(simulated_process& from, const endpoint& source, const endpoint& to, std::string bytes);
  void send_from_outside(const endpoint& source, const endpoint& to, std::string bytes);

  // Connections. Each side makes its scribe out of its own handle.
  using acceptor = std::function<void(simulated_process& by, caf::io::connection_handle)>;
  struct dial_result {
    simulated_process* peer = nullptr; // nullptr: failed
    caf::io::connection_handle connection;
    std::string why;
  };
  void listen(const endpoint& where, simulated_process& owner, acceptor to);
  // `done` is called inside `from`.
  void dial(simulated_process& from, const endpoint& where, std::function<void(dial_result)> done);

  void cut(const std::string& a, const std::string& b) {
    cut_one_way(a, b);
    cut_one_way(b, a);
  }
  void cut_one_way(const std::string& from, const std::string& to) { cuts_.emplace(from, to); }
  void damage(const std::string& a, const std::string& b, unsigned percent);
  void heal(const std::string& a, const std::string& b);
  void heal_all();
  void set_weather(weather among_clients, weather inside) {
    among_clients_ = among_clients;
    inside_ = inside;
  }
  void break_connections_of(const simulated_process& dead);

  // Lets go of every actor.
  void forget_all() {
    bound_.clear();
    listeners_.clear();
  }

  // Takes along what `p` has written, and lets it read what it had no time to. False: nothing
  // moved.
  bool carry(simulated_process& p);

private:
  struct side {
    simulated_process* process = nullptr;
    caf::io::connection_handle handle;
    instant last_arrival; // of what was written to it
  };
  struct connection {
    std::array<side, 2> sides;
    bool open = true;
  };
  struct binding {
    simulated_process* owner = nullptr;
    receiver to;
    bool sealed = false;
  };
  struct listener {
    simulated_process* owner = nullptr;
    acceptor to;
  };

  [[nodiscard]] duration delay() { return time_.between(delay_min, delay_max); }
  [[nodiscard]] bool is_cut(const std::string& from, const std::string& to) const;
  [[nodiscard]] bool chance(unsigned thousandths);
  void carry_everything();
  void travel(const endpoint& source, const endpoint& to, std::string bytes, const weather& in);
  void arrive(const endpoint& source, const endpoint& to, const std::string& bytes);
  void connect(simulated_process& from, listener& at, const std::function<void(dial_result)>& done);
  bool carry_between(connection& c, side& from, side& to);
  void close(connection& c, side& to);
  void damage_by_chance(const std::string& from, const binding& to, std::string& bytes);
  static bool read_all(simulated_process& p, caf::io::connection_handle h);

  timeline& time_;
  std::map<endpoint, binding> bound_;
  std::map<endpoint, listener> listeners_;
  std::list<connection> connections_;
  std::set<std::pair<std::string, std::string>> cuts_;             // from, to
  std::map<std::pair<std::string, std::string>, unsigned> damage_; // from, to: percent
  weather among_clients_;
  weather inside_;
  std::function<void(const endpoint&, const endpoint&, std::string)> outside_;
  std::function<void(bool, const endpoint&, const std::string&)> observer_;
  std::int64_t next_handle_ = 0;
  bool any_closed_ = false; // connections that are still listed
};

} // namespace holdfast::simulations
