// OpenSSL's objects, each freed once, and its last error as a sentence.
#pragma once

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace holdfast::runtime {

template <auto Free>
struct openssl_free {
  template <class T>
  void operator()(T* p) const {
    Free(p);
  }
};

using key_handle = std::unique_ptr<EVP_PKEY, openssl_free<EVP_PKEY_free>>;
using certificate_handle = std::unique_ptr<X509, openssl_free<X509_free>>;
using context_handle = std::unique_ptr<SSL_CTX, openssl_free<SSL_CTX_free>>;
using ssl_handle = std::unique_ptr<SSL, openssl_free<SSL_free>>;

// What OpenSSL complained about last in this thread; the queue is empty afterwards.
[[nodiscard]] inline std::string openssl_error() {
  const auto code = ERR_peek_last_error();
  ERR_clear_error();
  if (code == 0) return "no reason given";
  const char* reason = ERR_reason_error_string(code);
  return reason == nullptr ? "OpenSSL error " + std::to_string(code) : reason;
}

} // namespace holdfast::runtime
