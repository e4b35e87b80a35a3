// Flow-sticky round robin: a client that is new goes to the next proxy, a known one stays with its
// proxy as long as that lives (design, "Who does what", Dispatcher). Bounded: the flow that was
// silent longest is forgotten first, and forgetting costs a client nothing but another proxy.
#pragma once

#include "protocol/core/endpoint.hpp"
#include "protocol/core/time.hpp"

#include <cstddef>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::cluster {

class flow_table {
public:
  static constexpr std::size_t flows_max = 500'000;
  static constexpr duration idle_max = 10min;

  struct target {
    std::string name;
    endpoint address;

    friend bool operator==(const target&, const target&) = default;
  };

  // The proxies that live, in the order of their names. Flows of others find a new one.
  void set_targets(std::vector<target> targets);

  // nullopt: no proxy lives.
  [[nodiscard]] std::optional<endpoint> target_of(const endpoint& client, instant now);

  [[nodiscard]] std::size_t size() const { return flows_.size(); }

private:
  struct flow {
    endpoint client;
    endpoint target;
    instant used;
  };
  void forget_idle(instant now);

  std::vector<target> targets_;
  std::size_t next_ = 0;
  std::list<flow> flows_; // least recently used first
  std::map<endpoint, std::list<flow>::iterator> by_client_;
};

} // namespace holdfast::cluster
