#include "runtime/launcher_preflight.hpp"

#include "runtime/certificates.hpp"
#include "runtime/configuration_key.hpp"
#include "runtime/link_tls.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <netdb.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace holdfast::runtime {

using namespace std::chrono_literals;

namespace {

// Nodes of a launcher that was killed are gone within milliseconds, but not within none.
constexpr auto addresses_free_within = 1500ms;

// The port that was bound.
result<std::uint16_t> try_to_bind(const endpoint& address, int type) {
  addrinfo hints{};
  hints.ai_socktype = type;
  hints.ai_flags = AI_NUMERICSERV | AI_PASSIVE;
  addrinfo* found = nullptr;
  const int unknown =
      ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
  if (unknown != 0) return fail(::gai_strerror(unknown));
  const file_descriptor socket{
      ::socket(found->ai_family, found->ai_socktype | SOCK_CLOEXEC, found->ai_protocol)};
  // As the nodes will: connections that linger from before are no obstacle, listeners are.
  const int yes = 1;
  if (type == SOCK_STREAM) ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  const bool bound = ::bind(socket.get(), found->ai_addr, found->ai_addrlen) == 0
                     && (type != SOCK_STREAM || ::listen(socket.get(), 1) == 0);
  const int why = errno;
  ::freeaddrinfo(found);
  if (!bound) return fail(std::strerror(why));
  sockaddr_storage local{};
  socklen_t size = sizeof local;
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&local), &size);
  std::array<char, NI_MAXSERV> port{};
  ::getnameinfo(reinterpret_cast<sockaddr*>(&local), size, nullptr, 0, port.data(), port.size(),
                NI_NUMERICSERV);
  return static_cast<std::uint16_t>(std::stoi(port.data()));
}

result<void> claim(endpoint& address, int type, const std::string& what,
                   const std::string& instead) {
  const auto patience = std::chrono::steady_clock::now() + addresses_free_within;
  for (;;) {
    const auto bound = try_to_bind(address, type);
    if (bound) {
      address.port = *bound;
      return {};
    }
    if (std::chrono::steady_clock::now() > patience)
      return fail(what + ' ' + to_string(address) + " cannot be used: " + bound.error().what
                  + "; choose another with " + instead);
    std::this_thread::sleep_for(50ms);
  }
}

// That port and the ones after it, for `count` coordinators. Port 0: any that are free.
result<void> claim_run(endpoint& address, int count, const std::string& what,
                       const std::string& instead) {
  constexpr int attempts_max = 50;
  const bool any = address.port == 0;
  for (int attempt = 1;; ++attempt) {
    auto first = address;
    auto free = claim(first, SOCK_STREAM, what, instead);
    for (int i = 1; free && i < count; ++i) {
      endpoint next{first.host, static_cast<std::uint16_t>(first.port + i)};
      if (any && !try_to_bind(next, SOCK_STREAM))
        free = fail(what + ": no " + std::to_string(count) + " free ports in a row");
      else if (!any)
        free = claim(next, SOCK_STREAM, what, instead);
    }
    if (free) address = first;
    if (free || !any || attempt == attempts_max) return free;
  }
}

result<file_descriptor> lock_directory(const std::filesystem::path& directory) {
  const auto file = directory / "lock";
  file_descriptor fd{::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  if (fd.get() < 0) return fail(file.string() + ": " + std::strerror(errno));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
    return fail("a cluster is already running with the state directory " + directory.string()
                + "; stop it, or choose another with --state");
  return fd;
}

result<void> write_file(const std::filesystem::path& file, const std::string& text) {
  std::ofstream out{file, std::ios::binary | std::ios::trunc};
  out << text << std::flush;
  if (!out) return fail(file.string() + " cannot be written");
  return {};
}

// What is there is checked, what is missing is made.
result<void> complete_certificates(const configuration& c) {
  if (!c.cluster.tls) return {};
  const certificate_paths where{certificate_directory(c)};
  if (!std::filesystem::exists(where.authority()))
    if (const auto made = create_authority(where); !made) return made;
  for (const auto& name : nodes_of(c)) {
    if (!std::filesystem::exists(where.of(name)))
      if (const auto made = issue_certificate(where, name, false); !made) return made;
    if (const auto good = check_certificate(where, name); !good) return good;
  }
  return {};
}

} // namespace

std::vector<std::string> nodes_of(const configuration& c) {
  std::vector<std::string> names;
  const auto add = [&names](const std::string& role, int count) {
    for (int i = 1; i <= count; ++i) names.push_back(role + '-' + std::to_string(i));
  };
  add("coordinator", c.nodes.coordinators);
  add("dispatcher", 1);
  add("proxy", c.nodes.proxies);
  add("container", c.nodes.containers);
  return names;
}

result<prepared_launch> prepare_launch(configuration& c) {
  std::error_code wrong;
  c.state.directory = std::filesystem::absolute(c.state.directory).lexically_normal();
  for (const auto& directory : {c.state.directory, log_directory(c)}) {
    const bool is_new = std::filesystem::create_directories(directory, wrong);
    if (wrong) return fail(directory.string() + ": " + wrong.message());
    if (is_new) ::chmod(directory.c_str(), S_IRWXU); // one that was there has rights of its own
  }

  auto lock = lock_directory(c.state.directory);
  if (!lock) return tl::make_unexpected(lock.error());
  if (const auto created = create_cluster_key(key_path(c)); !created)
    return tl::make_unexpected(created.error());
  if (const auto key = read_cluster_key(key_path(c)); !key) return tl::make_unexpected(key.error());

  // Before there are several coordinators to make it.
  if (const auto created = create_cluster_key(c.state.directory / "console.token"); !created)
    return tl::make_unexpected(created.error());
  if (const auto certified = complete_certificates(c); !certified)
    return tl::make_unexpected(certified.error());

  if (auto free = claim(c.sip.address, SOCK_DGRAM, "SIP address", "--sip ADDRESS"); !free)
    return tl::make_unexpected(free.error());
  if (c.sip.tcp)
    if (auto free = claim(c.sip.address, SOCK_STREAM, "SIP address", "--sip ADDRESS"); !free)
      return tl::make_unexpected(free.error());
  if (speaks_tls(c))
    if (auto free = claim(c.sip.tls, SOCK_STREAM, "[sip] tls", "another port"); !free)
      return tl::make_unexpected(free.error());
  if (speaks_websocket(c))
    if (auto free = claim(c.sip.websocket, SOCK_STREAM, "[sip] websocket", "another port"); !free)
      return tl::make_unexpected(free.error());
  const auto coordinators = c.nodes.coordinators;
  if (auto free =
          claim_run(c.console.address, coordinators, "console address", "--console ADDRESS");
      !free)
    return tl::make_unexpected(free.error());
  if (auto free = claim_run(c.cluster.coordinator, coordinators, "coordinator address",
                            "--coordinator ADDRESS");
      !free)
    return tl::make_unexpected(free.error());

  prepared_launch prepared{std::move(*lock), c.state.directory / "effective.toml"};
  const auto written =
      write_file(prepared.configuration_file,
                 "# Written by `holdfast launch` for its nodes.\n\n" + write_configuration(c));
  if (!written) return tl::make_unexpected(written.error());
  return prepared;
}

} // namespace holdfast::runtime
