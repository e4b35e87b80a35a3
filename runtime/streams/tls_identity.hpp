// The certificate that we show and its key. They are read again when their files have changed, so
// that a renewed certificate is shown to whoever connects from then on; nobody is disconnected.
// For one thread.
#pragma once

#include "runtime/streams/tls_stream.hpp"

#include <chrono>
#include <filesystem>

namespace holdfast::runtime {

class tls_identity {
public:
  // How long a change may go unseen.
  static constexpr std::chrono::seconds look_interval{5};

  // Throws what make_tls_server_context() throws.
  tls_identity(std::filesystem::path certificate, std::filesystem::path key);

  // For a new connection. Files that cannot be used (a key that is not yet that of the certificate,
  // because it is just being replaced) are logged, once, and what was good stays.
  [[nodiscard]] tls_context current();

private:
  struct stamps {
    std::filesystem::file_time_type certificate;
    std::filesystem::file_time_type key;
    friend bool operator==(const stamps&, const stamps&) = default;
  };
  [[nodiscard]] stamps look() const;

  std::filesystem::path certificate_;
  std::filesystem::path key_;
  stamps shown_;
  stamps refused_; // logged
  tls_context context_;
  std::chrono::steady_clock::time_point looked_;
};

} // namespace holdfast::runtime
