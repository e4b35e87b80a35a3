#include "runtime/certificates.hpp"

#include "runtime/file_descriptor.hpp"
#include "runtime/link_tls.hpp"
#include "runtime/openssl_handles.hpp"
#include "runtime/random_bytes.hpp"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace holdfast::runtime {

namespace {

constexpr std::size_t serial_bytes = 16;

// As PEM, written beside and renamed, so that nobody ever reads half a file.
template <class Write>
result<void> write_pem(const std::filesystem::path& file, mode_t mode, Write write) {
  auto fresh = file;
  fresh += ".new";
  ::unlink(fresh.c_str());
  file_descriptor fd{::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)};
  if (!fd) return fail("cannot write " + fresh.string() + ": " + describe_errno(errno));
  BIO* out = BIO_new_fd(fd.get(), BIO_NOCLOSE);
  const bool written = out != nullptr && write(out) == 1;
  BIO_free(out);
  if (!written || ::fsync(fd.get()) != 0 || ::rename(fresh.c_str(), file.c_str()) != 0)
    return fail("cannot write " + file.string() + ": " + describe_errno(errno));
  return {};
}

result<void> write_pair(const std::filesystem::path& certificate_file, X509* certificate,
                        const std::filesystem::path& key_file, EVP_PKEY* key) {
  if (auto w = write_pem(key_file, 0600,
                         [&](BIO* out) {
                           return PEM_write_bio_PrivateKey(out, key, nullptr, nullptr, 0, nullptr,
                                                           nullptr);
                         });
      !w)
    return w;
  return write_pem(certificate_file, 0644,
                   [&](BIO* out) { return PEM_write_bio_X509(out, certificate); });
}

void add_extension(X509* to, X509* issuer, int what, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, to, nullptr, nullptr, 0);
  if (X509_EXTENSION* made = X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str())) {
    X509_add_ext(to, made, -1);
    X509_EXTENSION_free(made);
  }
}

certificate_handle begin_certificate(EVP_PKEY* key, const std::string& common_name, int days) {
  certificate_handle made{X509_new()};
  X509_set_version(made.get(), X509_VERSION_3);
  auto serial = random_bytes(serial_bytes);
  serial.front() = static_cast<char>(serial.front() & 0x7f); // RFC 5280 4.1.2.2: positive
  BIGNUM* number = BN_bin2bn(reinterpret_cast<const unsigned char*>(serial.data()),
                             static_cast<int>(serial.size()), nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(made.get()));
  BN_free(number);
  // From a little before: clocks differ.
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -300);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), 86'400L * days);
  X509_set_pubkey(made.get(), key);
  auto* subject = X509_get_subject_name(made.get());
  const auto add = [subject](const char* field, const std::string& text) {
    X509_NAME_add_entry_by_txt(subject, field, MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(text.c_str()), -1, -1, 0);
  };
  add("O", "Holdfast");
  add("CN", common_name);
  return made;
}

std::chrono::system_clock::time_point to_time_point(const ASN1_TIME* time) {
  std::tm broken{};
  ASN1_TIME_to_tm(time, &broken);
  return std::chrono::system_clock::from_time_t(::timegm(&broken));
}

} // namespace

result<void> create_authority(const certificate_paths& where, int days) {
  std::error_code wrong;
  if (std::filesystem::create_directories(where.directory, wrong))
    ::chmod(where.directory.c_str(), S_IRWXU);
  if (wrong) return fail(where.directory.string() + ": " + wrong.message());
  if (std::filesystem::exists(where.authority()))
    return fail(where.authority().string()
                + " is there already; a new authority would make every certificate worthless");
  const key_handle key{EVP_EC_gen("P-256")};
  if (!key) return fail("cannot make a key: " + openssl_error());
  const auto made = begin_certificate(key.get(), "Holdfast cluster authority", days);
  X509_set_issuer_name(made.get(), X509_get_subject_name(made.get()));
  add_extension(made.get(), made.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  add_extension(made.get(), made.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(made.get(), made.get(), NID_subject_key_identifier, "hash");
  if (X509_sign(made.get(), key.get(), EVP_sha256()) == 0)
    return fail("cannot sign: " + openssl_error());
  return write_pair(where.authority(), made.get(), where.authority_key(), key.get());
}

result<void> issue_certificate(const certificate_paths& where, const std::string& node,
                               bool replace, int days) {
  if (!replace && std::filesystem::exists(where.of(node)))
    return fail(where.of(node).string() + " is there already; renew it instead");
  const auto authority = load_certificate(where.authority());
  if (!authority) return tl::make_unexpected(authority.error());
  const auto authority_key = load_key(where.authority_key());
  if (!authority_key) return tl::make_unexpected(authority_key.error());
  const key_handle key{EVP_EC_gen("P-256")};
  if (!key) return fail("cannot make a key: " + openssl_error());
  const auto made = begin_certificate(key.get(), node, days);
  X509_set_issuer_name(made.get(), X509_get_subject_name(authority->get()));
  add_extension(made.get(), authority->get(), NID_basic_constraints, "critical,CA:FALSE");
  add_extension(made.get(), authority->get(), NID_key_usage, "critical,digitalSignature");
  add_extension(made.get(), authority->get(), NID_ext_key_usage, "serverAuth,clientAuth");
  add_extension(made.get(), authority->get(), NID_subject_alt_name, "DNS:" + node);
  add_extension(made.get(), authority->get(), NID_authority_key_identifier, "keyid");
  if (X509_sign(made.get(), authority_key->get(), EVP_sha256()) == 0)
    return fail("cannot sign: " + openssl_error());
  return write_pair(where.of(node), made.get(), where.key_of(node), key.get());
}

result<certificate_facts> read_certificate(const certificate_paths& where,
                                           const std::filesystem::path& file) {
  const auto certificate = load_certificate(file);
  if (!certificate) return tl::make_unexpected(certificate.error());
  certificate_facts facts;
  facts.file = file;
  facts.from = to_time_point(X509_get0_notBefore(certificate->get()));
  facts.until = to_time_point(X509_get0_notAfter(certificate->get()));
  if (file != where.authority()) facts.name = name_in(certificate->get());
  const auto good =
      facts.name.empty() ? check_authority(where) : check_certificate(where, facts.name);
  if (!good) facts.problem = good.error().what;
  return facts;
}

result<std::vector<certificate_facts>> list_certificates(const certificate_paths& where) {
  std::vector<certificate_facts> all;
  auto authority = read_certificate(where, where.authority());
  if (!authority) return tl::make_unexpected(authority.error());
  all.push_back(std::move(*authority));
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator{where.directory})
    if (entry.path().extension() == ".pem" && entry.path() != where.authority())
      files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    if (auto facts = read_certificate(where, file))
      all.push_back(std::move(*facts));
    else
      all.push_back({file, file.stem().string(), {}, {}, facts.error().what});
  }
  return all;
}

} // namespace holdfast::runtime
