#include "runtime/process_channel.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>

namespace holdfast::runtime {

namespace {

constexpr std::string_view kill_word = "kill";
constexpr std::string_view ended_word = "ended";

std::string line(std::string_view word, const std::string& name, std::int64_t pid) {
  return std::string{word} + ' ' + name + ' ' + std::to_string(pid);
}

bool sendable(const std::string& name, std::int64_t pid) {
  return !name.empty() && name.find_first_of(" \n\r\t") == std::string::npos && pid > 1
         && line(ended_word, name, pid).size() <= process_message_bytes_max;
}

} // namespace

std::string encode(const kill_order& m) {
  return line(kill_word, m.name, m.pid);
}
std::string encode(const process_end& m) {
  return line(ended_word, m.name, m.pid);
}

std::optional<process_message> decode_process_message(std::string_view text) {
  if (text.size() > process_message_bytes_max) return std::nullopt;
  const auto first = text.find(' ');
  const auto second = first == std::string_view::npos ? first : text.find(' ', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const auto word = text.substr(0, first);
  std::string name{text.substr(first + 1, second - first - 1)};
  const auto digits = text.substr(second + 1);
  std::int64_t pid = 0;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), pid);
  if (code != std::errc{} || end != digits.data() + digits.size() || !sendable(name, pid))
    return std::nullopt;
  if (word == kill_word) return kill_order{std::move(name), pid};
  if (word == ended_word) return process_end{std::move(name), pid};
  return std::nullopt;
}

std::pair<file_descriptor, file_descriptor> make_process_channel() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    throw std::runtime_error("cannot make a socketpair: " + describe_errno(errno));
  return {file_descriptor{ends[0]}, file_descriptor{ends[1]}};
}

bool send_process_message(int fd, std::string_view encoded) {
  const auto sent = ::send(fd, encoded.data(), encoded.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  return sent == static_cast<ssize_t>(encoded.size());
}

process_channel::process_channel(file_descriptor fd, std::function<void(const process_end&)> ended,
                                 std::function<void()> launcher_gone)
    : fd_{std::move(fd)},
      wake_{make_wake_descriptor()},
      ended_{std::move(ended)},
      launcher_gone_{std::move(launcher_gone)},
      thread_{[this] { run(); }} {}

process_channel::~process_channel() {
  stop();
}

bool process_channel::kill(const std::string& name, std::int64_t pid) {
  return sendable(name, pid) && send_process_message(fd_.get(), encode(kill_order{name, pid}));
}

void process_channel::stop() {
  wake(wake_);
  if (thread_.joinable()) thread_.join();
}

void process_channel::run() {
  std::array<char, process_message_bytes_max> buffer{};
  std::array<pollfd, 2> watched{{{fd_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}}};
  for (;;) {
    if (::poll(watched.data(), watched.size(), -1) < 0) continue; // a signal
    if (watched[1].revents != 0) return;
    const auto got = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) {
      launcher_gone_();
      return;
    }
    const auto message =
        decode_process_message(std::string_view{buffer.data(), static_cast<std::size_t>(got)});
    if (!message) continue;
    if (const auto* end = std::get_if<process_end>(&*message)) ended_(*end);
  }
}

} // namespace holdfast::runtime
