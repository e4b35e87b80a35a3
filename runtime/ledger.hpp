// Where the coordinator keeps what it knows, and the one thing that decides between two who would
// change it: compare-and-swap (design, "Who does what").
//
//   embedded   file_ledger.hpp   memory and a synced file; one machine
//   etcd       etcd_ledger.hpp   survives the machine
#pragma once

#include "protocol/core/result.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace holdfast::runtime {

struct ledger_content {
  std::uint64_t number = 0;
  std::string bytes;

  friend bool operator==(const ledger_content&, const ledger_content&) = default;
};

class ledger {
public:
  // nullopt: nothing was ever written.
  using load_callback = std::function<void(const result<std::optional<ledger_content>>&)>;
  using write_callback = std::function<void(const result<std::uint64_t>&)>; // the number written

  virtual ~ledger() = default;

  // Callbacks run in the ledger's thread, in the order of the calls, and must not block.
  virtual void load(load_callback done) = 0;
  // Written only if the ledger holds `number` - 1, or nothing for 1. An error may also mean that it
  // is not known whether it was written: load() tells.
  virtual void compare_and_swap(std::uint64_t number, std::string bytes, write_callback done) = 0;
  virtual void stop() = 0; // no callback runs after it
};

} // namespace holdfast::runtime
