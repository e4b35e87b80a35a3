#include "runtime/streams/tls_identity.hpp"

#include <spdlog/spdlog.h>

#include <exception>
#include <system_error>
#include <utility>

namespace holdfast::runtime {

tls_identity::tls_identity(std::filesystem::path certificate, std::filesystem::path key)
    : certificate_{std::move(certificate)},
      key_{std::move(key)},
      seen_{look()},
      context_{make_tls_server_context(certificate_, key_)},
      looked_{std::chrono::steady_clock::now()} {}

tls_identity::stamps tls_identity::look() const {
  std::error_code ignored; // of a file that is away for the moment
  return {std::filesystem::last_write_time(certificate_, ignored),
          std::filesystem::last_write_time(key_, ignored)};
}

tls_context tls_identity::current() {
  const auto now = std::chrono::steady_clock::now();
  if (now - looked_ < look_interval) return context_;
  looked_ = now;
  const auto found = look();
  if (found == seen_) return context_;
  seen_ = found;
  try {
    context_ = make_tls_server_context(certificate_, key_);
    spdlog::info("SIP over TLS: the certificate {} was renewed", certificate_.string());
  } catch (const std::exception& e) {
    spdlog::error("SIP over TLS: the files have changed, and the certificate before stays: {}",
                  e.what());
  }
  return context_;
}

} // namespace holdfast::runtime
