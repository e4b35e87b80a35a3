#include "runtime/streams/tls_identity.hpp"

#include <spdlog/spdlog.h>

#include <exception>
#include <system_error>
#include <utility>

namespace holdfast::runtime {

tls_identity::tls_identity(std::filesystem::path certificate, std::filesystem::path key)
    : certificate_{std::move(certificate)},
      key_{std::move(key)},
      shown_{look()},
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
  if (found == shown_) return context_;
  try {
    context_ = make_tls_server_context(certificate_, key_);
    shown_ = found;
    spdlog::info("SIP over TLS: the certificate {} was renewed", certificate_.string());
  } catch (const std::exception& e) {
    // Tried again at the next look even if nothing seems to change until then: a file that was only
    // half written has the same time as the whole one.
    if (found == refused_) return context_;
    refused_ = found;
    spdlog::error("SIP over TLS: the files have changed, and the certificate before stays: {}",
                  e.what());
  }
  return context_;
}

} // namespace holdfast::runtime
