// What a node and its launcher say to one another over the socketpair that the launcher made before
// it started the node (SOCK_SEQPACKET: one message is one read; design, "Fences" (a)).
//
//   node     -> launcher   "kill NAME PID"     SIGKILL that process and wait for its end
//   launcher -> node       "ended NAME PID"    it is gone for certain (pidfd, waitpid)
//
// The launcher tells every end to the nodes that may ask for one. When either end of the pair is
// closed the other reads end of file: for a node that means that nobody supervises it any more.
#pragma once

#include "runtime/file_descriptor.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <variant>

namespace holdfast::runtime {

struct kill_order {
  std::string name;
  std::int64_t pid = 0;

  friend bool operator==(const kill_order&, const kill_order&) = default;
};
struct process_end {
  std::string name;
  std::int64_t pid = 0;

  friend bool operator==(const process_end&, const process_end&) = default;
};
using process_message = std::variant<kill_order, process_end>;

inline constexpr std::size_t process_message_bytes_max = 256;

[[nodiscard]] std::string encode(const kill_order& m);
[[nodiscard]] std::string encode(const process_end& m);
// nullopt: not a message of this protocol. A PID is above 1: neither init nor a process group.
[[nodiscard]] std::optional<process_message> decode_process_message(std::string_view text);

// Both ends, close-on-exec and blocking. The launcher keeps the first and clears the flag of the
// second in the child. Throws std::runtime_error.
[[nodiscard]] std::pair<file_descriptor, file_descriptor> make_process_channel();

// Never blocks and raises no SIGPIPE. False: the other end is gone or does not read.
bool send_process_message(int fd, std::string_view encoded);

// A node's end: a thread that reads what the launcher says.
class process_channel {
public:
  // `ended` and `launcher_gone` run in the thread of the channel; the latter at most once, and not
  // after stop().
  process_channel(file_descriptor fd, std::function<void(const process_end&)> ended,
                  std::function<void()> launcher_gone);
  ~process_channel();
  process_channel(const process_channel&) = delete;
  process_channel& operator=(const process_channel&) = delete;

  // False: the launcher is gone, or the order is not one it could understand.
  bool kill(const std::string& name, std::int64_t pid);
  void stop();

private:
  void run();

  file_descriptor fd_;
  file_descriptor wake_;
  std::function<void(const process_end&)> ended_;
  std::function<void()> launcher_gone_;
  std::thread thread_;
};

} // namespace holdfast::runtime
