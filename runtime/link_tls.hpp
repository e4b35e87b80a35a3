// TLS 1.3 for the links between nodes: both ends show a certificate of the cluster's authority
// (certificates.hpp), and the name in it is the only one that its holder can have.
//
// A context is read and checked once, when the node starts: what is wrong with a file is one
// sentence then, not a failed link later. A connection goes through its handshake in the thread of
// link_exchange and then, with the descriptor, to BASP (tls_scribe.hpp).
#pragma once

#include "protocol/core/result.hpp"
#include "runtime/certificates.hpp"
#include "runtime/openssl_handles.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

namespace holdfast::runtime {

[[nodiscard]] result<certificate_handle> load_certificate(const std::filesystem::path& file);
// Error also when others than its owner can read it.
[[nodiscard]] result<key_handle> load_key(const std::filesystem::path& file);
// The node that a certificate is for; empty: it is for none.
[[nodiscard]] std::string name_in(const X509* certificate);
// Valid now, and its own issuer.
[[nodiscard]] result<void> check_authority(const certificate_paths& where);
// Valid now, signed by the authority, for `node`, and with the key that belongs to it.
[[nodiscard]] result<void> check_certificate(const certificate_paths& where,
                                             const std::string& node);

class tls_connection {
public:
  enum class progress : std::uint8_t { done, want_read, want_write, failed };

  tls_connection(SSL_CTX* context, int fd, bool accepting); // does not own `fd`

  [[nodiscard]] progress handshake();
  [[nodiscard]] const std::string& why() const { return why_; } // failed
  // After the handshake: what the other end's certificate says.
  [[nodiscard]] std::string peer() const;

  // As read(2) and write(2) on a non-blocking socket, except that `moved` is 0 where those would
  // say EAGAIN. false: closed or broken.
  [[nodiscard]] bool read(void* buffer, std::size_t size, std::size_t& moved);
  [[nodiscard]] bool write(const void* bytes, std::size_t size, std::size_t& moved);
  // Decrypted and not read yet: no readiness of the socket will tell of it.
  [[nodiscard]] std::size_t pending() const;

private:
  ssl_handle ssl_;
  std::string why_;
};

class link_tls {
public:
  // Throws std::runtime_error with a sentence about the file that is wrong, and the command that
  // makes it right. Logs a warning when the certificate ends within 30 days.
  link_tls(const certificate_paths& where, const std::string& own_name);

  [[nodiscard]] tls_connection begin(int fd, bool accepting) const {
    return {context_.get(), fd, accepting};
  }

private:
  context_handle context_;
};

} // namespace holdfast::runtime
