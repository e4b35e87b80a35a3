#include "runtime/file_descriptor.hpp"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <sys/eventfd.h>
#include <unistd.h>

namespace holdfast::runtime {

void file_descriptor::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

file_descriptor make_wake_descriptor() {
  file_descriptor made{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!made) throw std::runtime_error("cannot make an eventfd: " + describe_errno(errno));
  return made;
}

void wake(const file_descriptor& wake_descriptor) {
  const std::uint64_t one = 1;
  // It can only fail when the counter is full, and then the thread is about to wake anyway.
  [[maybe_unused]] const auto written = ::write(wake_descriptor.get(), &one, sizeof one);
}

void drain(const file_descriptor& wake_descriptor) {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(wake_descriptor.get(), &count, sizeof count);
}

std::string describe_errno(int code) {
  const char* name = ::strerrorname_np(code);
  std::string text = ::strerrordesc_np(code) != nullptr ? ::strerrordesc_np(code) : "unknown error";
  return name != nullptr ? text + " (" + name + ")" : text;
}

} // namespace holdfast::runtime
