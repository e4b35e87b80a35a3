// An open descriptor that closes itself, and the eventfd with which a thread that polls is woken.
#pragma once

#include <string>
#include <utility>

namespace holdfast::runtime {

class file_descriptor {
public:
  file_descriptor() = default;
  explicit file_descriptor(int fd) : fd_{fd} {}
  file_descriptor(file_descriptor&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
  file_descriptor& operator=(file_descriptor&& other) noexcept {
    if (this != &other) {
      close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~file_descriptor() { close(); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] explicit operator bool() const { return fd_ >= 0; }
  // Hands it to somebody else who closes it.
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }
  void close();

private:
  int fd_ = -1;
};

// Readable from wake() on until drained. Throws std::runtime_error.
[[nodiscard]] file_descriptor make_wake_descriptor();
void wake(const file_descriptor& wake_descriptor);
void drain(const file_descriptor& wake_descriptor);

// "Permission denied (EACCES)": errno for an operator.
[[nodiscard]] std::string describe_errno(int code);

} // namespace holdfast::runtime
