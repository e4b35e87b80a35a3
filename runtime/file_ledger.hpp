// The embedded ledger: what the coordinator knows, in memory and in one file that is synced before
// anybody hears of it (design, "Who does what").
//
//   file  =  "holdfast-ledger 1 NUMBER LENGTH CHECKSUM\n" bytes
//   write =  FILE.new: write, fsync; rename to FILE; fsync of the directory
//
// A process killed at any point leaves the old content or the new one. A file that does not fit its
// header is an error that is said, never an empty ledger: an operator has to decide about it.
// One process at a time: FILE.lock is held for as long as it lives.
#pragma once

#include "protocol/core/result.hpp"
#include "runtime/file_descriptor.hpp"
#include "runtime/ledger.hpp"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

namespace holdfast::runtime {

// The file's content and the reverse; an error says what does not fit.
[[nodiscard]] std::string encode_ledger_file(const ledger_content& content);
[[nodiscard]] result<ledger_content> decode_ledger_file(std::string_view file);

class file_ledger final : public ledger {
public:
  // No file: memory alone. Reads the file, and makes its directory if it is missing. Throws
  // std::runtime_error when that or the lock is not to be had; a corrupt file does not throw, it is
  // the answer to load().
  explicit file_ledger(std::optional<std::filesystem::path> file);
  ~file_ledger() override;
  file_ledger(const file_ledger&) = delete;
  file_ledger& operator=(const file_ledger&) = delete;

  void load(load_callback done) override;
  void compare_and_swap(std::uint64_t number, std::string bytes, write_callback done) override;
  void stop() override; // what was accepted is written first

private:
  void run();
  void lock_file();
  void read_file();
  [[nodiscard]] result<std::uint64_t> write(std::uint64_t number, const std::string& bytes);

  std::optional<std::filesystem::path> file_;
  file_descriptor lock_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  bool stopped_ = false;
  result<std::optional<ledger_content>> held_; // of the thread alone, once it runs
  std::thread thread_;
};

} // namespace holdfast::runtime
