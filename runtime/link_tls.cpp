#include "runtime/link_tls.hpp"

#include "runtime/file_descriptor.hpp"

#include <climits>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <stdexcept>
#include <sys/stat.h>

namespace holdfast::runtime {

namespace {

constexpr auto warn_before = std::chrono::hours{24 * 30};

using bio_handle = std::unique_ptr<BIO, openssl_free<BIO_free>>;
using store_handle = std::unique_ptr<X509_STORE, openssl_free<X509_STORE_free>>;
using store_context_handle = std::unique_ptr<X509_STORE_CTX, openssl_free<X509_STORE_CTX_free>>;

result<bio_handle> open_file(const std::filesystem::path& file) {
  bio_handle in{BIO_new_file(file.c_str(), "r")};
  if (!in) {
    ERR_clear_error();
    return fail(file.string() + " cannot be read: " + describe_errno(errno));
  }
  return in;
}

// nullptr: good. `certificate` against the one authority that counts.
const char* verification_problem(X509* certificate, X509* authority) {
  const store_handle store{X509_STORE_new()};
  X509_STORE_add_cert(store.get(), authority);
  const store_context_handle check{X509_STORE_CTX_new()};
  X509_STORE_CTX_init(check.get(), store.get(), certificate, nullptr);
  if (X509_verify_cert(check.get()) == 1) return nullptr;
  ERR_clear_error();
  return X509_verify_cert_error_string(X509_STORE_CTX_get_error(check.get()));
}

void require(const result<void>& good) {
  if (!good) throw std::runtime_error(good.error().what);
}

int as_int(std::size_t size) {
  return static_cast<int>(std::min<std::size_t>(size, INT_MAX));
}

} // namespace

result<certificate_handle> load_certificate(const std::filesystem::path& file) {
  const auto in = open_file(file);
  if (!in) return tl::make_unexpected(in.error());
  certificate_handle read{PEM_read_bio_X509(in->get(), nullptr, nullptr, nullptr)};
  if (!read) return fail(file.string() + " holds no certificate: " + openssl_error());
  return read;
}

result<key_handle> load_key(const std::filesystem::path& file) {
  struct stat about {};
  if (::stat(file.c_str(), &about) == 0 && (about.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    return fail(file.string() + " can be read by others; chmod 600 it");
  const auto in = open_file(file);
  if (!in) return tl::make_unexpected(in.error());
  // No passphrase: a node starts without anybody there to type one.
  static char nothing[] = "";
  key_handle read{PEM_read_bio_PrivateKey(in->get(), nullptr, nullptr, nothing)};
  if (!read) return fail(file.string() + " holds no private key: " + openssl_error());
  return read;
}

std::string name_in(const X509* certificate) {
  std::string found;
  auto* names = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  if (names != nullptr && sk_GENERAL_NAME_num(names) == 1) {
    const auto* only = sk_GENERAL_NAME_value(names, 0);
    if (only->type == GEN_DNS)
      found.assign(reinterpret_cast<const char*>(ASN1_STRING_get0_data(only->d.dNSName)),
                   static_cast<std::size_t>(ASN1_STRING_length(only->d.dNSName)));
  }
  GENERAL_NAMES_free(names);
  return found;
}

result<void> check_authority(const certificate_paths& where) {
  const auto authority = load_certificate(where.authority());
  if (!authority) return fail(authority.error().what + "; holdfast certificates init makes one");
  if (const char* problem = verification_problem(authority->get(), authority->get()))
    return fail(where.authority().string() + ": " + problem);
  return {};
}

result<void> check_certificate(const certificate_paths& where, const std::string& node) {
  const auto file = where.of(node).string();
  const auto remedy = "; holdfast certificates renew " + node + " makes another";
  const auto authority = load_certificate(where.authority());
  if (!authority) return tl::make_unexpected(authority.error());
  const auto certificate = load_certificate(where.of(node));
  if (!certificate)
    return fail(certificate.error().what + "; holdfast certificates issue " + node + " makes it");
  if (const char* problem = verification_problem(certificate->get(), authority->get()))
    return fail(file + ": " + problem + remedy);
  if (const auto name = name_in(certificate->get()); name != node)
    return fail(file + " is for " + (name.empty() ? "no node" : name) + ", not for " + node
                + remedy);
  const auto key = load_key(where.key_of(node));
  if (!key) return tl::make_unexpected(key.error());
  if (X509_check_private_key(certificate->get(), key->get()) != 1) {
    ERR_clear_error();
    return fail(where.key_of(node).string() + " is not the key of " + file + remedy);
  }
  return {};
}

// ---- a connection

tls_connection::tls_connection(SSL_CTX* context, int fd, bool accepting) : ssl_{SSL_new(context)} {
  if (!ssl_ || SSL_set_fd(ssl_.get(), fd) != 1) throw std::runtime_error("TLS: " + openssl_error());
  if (accepting)
    SSL_set_accept_state(ssl_.get());
  else
    SSL_set_connect_state(ssl_.get());
}

tls_connection::progress tls_connection::handshake() {
  ERR_clear_error();
  const int done = SSL_do_handshake(ssl_.get());
  if (done == 1) return progress::done;
  switch (SSL_get_error(ssl_.get(), done)) {
  case SSL_ERROR_WANT_READ:
    return progress::want_read;
  case SSL_ERROR_WANT_WRITE:
    return progress::want_write;
  default:
    break;
  }
  const auto verified = SSL_get_verify_result(ssl_.get());
  why_ = verified == X509_V_OK ? "TLS: " + openssl_error()
                               : "its certificate is not good: "
                                     + std::string{X509_verify_cert_error_string(verified)};
  ERR_clear_error();
  return progress::failed;
}

std::string tls_connection::peer() const {
  const certificate_handle shown{SSL_get1_peer_certificate(ssl_.get())};
  return shown ? name_in(shown.get()) : std::string{};
}

bool tls_connection::read(void* buffer, std::size_t size, std::size_t& moved) {
  ERR_clear_error();
  const int got = SSL_read(ssl_.get(), buffer, as_int(size));
  moved = got > 0 ? static_cast<std::size_t>(got) : 0;
  const int state = SSL_get_error(ssl_.get(), got);
  return got > 0 || state == SSL_ERROR_WANT_READ || state == SSL_ERROR_WANT_WRITE;
}

bool tls_connection::write(const void* bytes, std::size_t size, std::size_t& moved) {
  ERR_clear_error();
  const int put = SSL_write(ssl_.get(), bytes, as_int(size));
  moved = put > 0 ? static_cast<std::size_t>(put) : 0;
  const int state = SSL_get_error(ssl_.get(), put);
  return put > 0 || state == SSL_ERROR_WANT_READ || state == SSL_ERROR_WANT_WRITE;
}

std::size_t tls_connection::pending() const {
  return static_cast<std::size_t>(SSL_pending(ssl_.get()));
}

// ---- the context

link_tls::link_tls(const certificate_paths& where, const std::string& own_name)
    : context_{SSL_CTX_new(TLS_method())} {
  require(check_authority(where));
  require(check_certificate(where, own_name));
  auto* context = context_.get();
  const bool ready =
      context != nullptr && SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1
      && SSL_CTX_use_certificate_file(context, where.of(own_name).c_str(), SSL_FILETYPE_PEM) == 1
      && SSL_CTX_use_PrivateKey_file(context, where.key_of(own_name).c_str(), SSL_FILETYPE_PEM) == 1
      && SSL_CTX_load_verify_file(context, where.authority().c_str()) == 1;
  if (!ready) throw std::runtime_error("TLS between nodes: " + openssl_error());
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  // Writes go on from another buffer, and as far as they come; nothing is resumed.
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  const auto facts = read_certificate(where, where.of(own_name));
  if (facts && facts->until - std::chrono::system_clock::now() < warn_before)
    spdlog::warn("the certificate {} ends within 30 days; holdfast certificates renew {}",
                 facts->file.string(), own_name);
}

} // namespace holdfast::runtime
