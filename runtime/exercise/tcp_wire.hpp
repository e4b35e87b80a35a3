// TCP as a user agent speaks it: it listens at its Contact, connects to its proxy, shares a few
// connections between its calls, and connects again when one is lost. Requests that had no final
// response then go out once more, the same bytes: what knows them absorbs the copy.
//
//   send --> connection to that address, by Call-ID --> kernel        accept, read --> framing -->
//   receive
#pragma once

#include "protocol/sip/stream_framing.hpp"
#include "runtime/exercise/wire.hpp"
#include "runtime/file_descriptor.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::exercise {

class tcp_wire final : public wire {
public:
  static constexpr std::chrono::milliseconds retry_interval{100};
  static constexpr std::chrono::seconds patience{10}; // without a connection; then it is given up

  tcp_wire(const endpoint& address, std::uint32_t connections);

  [[nodiscard]] const endpoint& local() const override { return local_; }
  void wait_for(std::vector<pollfd>& events) const override;
  void work() override;
  void send(const flow& to, const std::string& bytes) override;
  [[nodiscard]] std::optional<flow> receive(std::string& bytes) override;

private:
  using clock = std::chrono::steady_clock;

  struct connection {
    runtime::file_descriptor fd;
    flow is;
    sip::stream_framing framing;
    std::string unsent;
    bool connecting = false;
    bool was_up = false;
    bool gone = false;
  };
  // One of the connections that we keep to an address.
  struct line {
    std::shared_ptr<connection> now;               // nullptr: it was lost
    std::map<std::string, std::string> unanswered; // by branch and method
    clock::time_point next_try{};
    clock::time_point lost_at{};
  };

  [[nodiscard]] std::shared_ptr<connection> dial(const endpoint& to);
  [[nodiscard]] flow named(const endpoint& peer);
  void accept_all();
  void read(const std::shared_ptr<connection>& c);
  void write(connection& c);
  void take(const std::shared_ptr<connection>& c);
  void answered(const std::string& bytes);
  void mend(const endpoint& to, line& l);
  void drop_the_gone();

  endpoint local_;
  runtime::file_descriptor listener_;
  std::uint32_t lines_max_;
  std::uint64_t last_ = 0; // number of a connection
  std::map<endpoint, std::vector<line>> lines_;
  std::vector<std::shared_ptr<connection>> all_;
  std::deque<std::pair<flow, std::string>> received_;
};

} // namespace holdfast::exercise
