#include "runtime/configuration_key.hpp"

#include "protocol/core/base32.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

namespace holdfast::runtime {
namespace {

constexpr std::size_t key_bytes_min = 32;

tl::unexpected<error> fail_with_errno(const std::filesystem::path& file,
                                      const std::string& what = "cluster key") {
  return fail(what + " " + file.string() + ": " + std::strerror(errno));
}

} // namespace

result<std::string> read_secrets(const std::filesystem::path& file, const std::string& what) {
  struct stat about {};
  if (::stat(file.c_str(), &about) != 0) return fail_with_errno(file, what);
  if ((about.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    return fail(what + " " + file.string() + " can be read by others; chmod 600 it");
  std::ifstream in{file, std::ios::binary};
  std::string content{std::istreambuf_iterator<char>{in}, {}};
  if (!in) return fail(what + " " + file.string() + " cannot be read");
  return content;
}

result<std::string> read_cluster_key(const std::filesystem::path& file) {
  auto key = read_secrets(file, "cluster key");
  if (!key) return key;
  key->erase(key->find_last_not_of(" \t\r\n") + 1);
  if (key->size() < key_bytes_min)
    return fail("cluster key " + file.string() + " is shorter than 32 bytes");
  return key;
}

result<bool> create_cluster_key(const std::filesystem::path& file) {
  if (std::filesystem::exists(file)) return false;
  std::array<char, 32> random{};
  if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
    return fail_with_errno(file);
  const auto text = to_base32({random.data(), random.size()}) + '\n';
  // Complete or absent: a launcher that dies in between leaves no half key.
  const auto draft = file.string() + ".new";
  const int fd = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return fail_with_errno(file);
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size())
                       && ::fsync(fd) == 0;
  ::close(fd);
  if (!written || ::rename(draft.c_str(), file.c_str()) != 0) return fail_with_errno(file);
  return true;
}

} // namespace holdfast::runtime
