#include "runtime/link_exchange.hpp"
#include "runtime/link_tls.hpp"
#include "runtime/socket_address.hpp"
#include "tests/runtime/temporary_directory.hpp"
#include "tests/runtime/test_node.hpp"

#include <array>
#include <fstream>
#include <memory>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

using namespace holdfast;
using namespace holdfast::runtime;

namespace {

// An authority, and certificates for whoever is asked for.
struct authority {
  authority() { REQUIRE(create_authority(paths)); }

  const certificate_paths& with(const std::string& node) {
    if (!std::filesystem::exists(paths.of(node))) REQUIRE(issue_certificate(paths, node, false));
    return paths;
  }

  temporary_directory directory;
  certificate_paths paths{directory.path()};
};

// What a node needs of `from`'s files, under another name.
certificate_paths stolen(authority& from, const std::string& node, const std::string& called,
                         const temporary_directory& to) {
  from.with(node);
  const certificate_paths copy{to.path()};
  std::filesystem::copy_file(from.paths.authority(), copy.authority());
  std::filesystem::copy_file(from.paths.of(node), copy.of(called));
  std::filesystem::copy_file(from.paths.key_of(node), copy.key_of(called));
  return copy;
}

// As link_tls, for one that skips the check of its own name.
struct exchange {
  exchange(const std::string& name, const certificate_paths& where, const std::string& certified)
      : tls{where, certified}, links{{"127.0.0.1", 0}, name, {key, &tls}} {
    links.accept([this](link_exchange::link l) { accepted.put(std::move(l)); });
  }
  exchange(const std::string& name, authority& a) : exchange{name, a.with(name), name} {}
  ~exchange() { links.stop(); }

  result<link_exchange::link> dial(const endpoint& to, const std::string& expected = {}) {
    links.dial(expected, to, [this](result<link_exchange::link> r) { dialed.put(std::move(r)); });
    auto outcome = dialed.take();
    REQUIRE(outcome);
    return std::move(*outcome);
  }

  inbox<link_exchange::link> accepted;
  inbox<result<link_exchange::link>> dialed;
  link_tls tls;
  link_exchange links;
};

file_descriptor connect_plainly(const endpoint& to) {
  const auto address = numeric_address(to).value();
  file_descriptor fd{::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0)};
  REQUIRE(::connect(fd.get(), address.get(), address.length) == 0);
  return fd;
}

bool closed(const file_descriptor& fd) {
  std::array<char, 256> buffer{};
  for (;;) {
    pollfd readable{fd.get(), POLLIN, 0};
    if (::poll(&readable, 1, 10'000) <= 0) return false;
    if (::recv(fd.get(), buffer.data(), buffer.size(), 0) <= 0) return true;
  }
}

std::string problem_of(const certificate_paths& where, const std::string& node) {
  const auto good = check_certificate(where, node);
  return good ? "" : good.error().what;
}

} // namespace

TEST_CASE("certificates: what was made is good, and says for whom") {
  authority a;
  a.with("container-1");
  CHECK(check_authority(a.paths));
  CHECK(problem_of(a.paths, "container-1").empty());
  const auto all = list_certificates(a.paths);
  REQUIRE(all);
  REQUIRE(all->size() == 2);
  CHECK(all->front().name.empty());
  CHECK(all->back().name == "container-1");
  CHECK(all->back().problem.empty());
  struct stat about {};
  REQUIRE(::stat(a.paths.key_of("container-1").c_str(), &about) == 0);
  CHECK((about.st_mode & 0777) == 0600);
}

TEST_CASE("certificates: a second authority and a second certificate have to be meant") {
  authority a;
  a.with("container-1");
  CHECK_FALSE(create_authority(a.paths));
  CHECK_FALSE(issue_certificate(a.paths, "container-1", false));
  CHECK(issue_certificate(a.paths, "container-1", true));
  CHECK(problem_of(a.paths, "container-1").empty());
}

TEST_CASE("certificates: what can not serve is refused at the start, in a sentence") {
  authority a;
  a.with("container-1");
  CHECK_THROWS_WITH((link_tls{a.paths, "container-2"}),
                    doctest::Contains("holdfast certificates issue container-2"));
  const temporary_directory empty;
  CHECK_THROWS_WITH((link_tls{{empty.path()}, "container-1"}),
                    doctest::Contains("holdfast certificates init"));

  const temporary_directory other_name;
  CHECK(problem_of(stolen(a, "container-1", "proxy-1", other_name), "proxy-1")
            .find("is for container-1, not for proxy-1")
        != std::string::npos);

  authority b;
  b.with("container-1");
  std::filesystem::copy_file(b.paths.authority(), a.paths.authority(),
                             std::filesystem::copy_options::overwrite_existing);
  CHECK(problem_of(a.paths, "container-1").find("holdfast certificates renew container-1")
        != std::string::npos);

  std::filesystem::copy_file(b.paths.of("container-1"), a.paths.of("container-1"),
                             std::filesystem::copy_options::overwrite_existing);
  CHECK(problem_of(a.paths, "container-1").find("is not the key of") != std::string::npos);

  ::chmod(b.paths.key_of("container-1").c_str(), 0644);
  CHECK(problem_of(b.paths, "container-1").find("chmod 600") != std::string::npos);
  std::ofstream{b.paths.of("container-1"), std::ios::trunc} << "garbage";
  CHECK(problem_of(b.paths, "container-1").find("holds no certificate") != std::string::npos);
}

TEST_CASE("certificates: one that has run out is not good") {
  authority a;
  REQUIRE(issue_certificate(a.paths, "container-1", false, -1));
  CHECK(problem_of(a.paths, "container-1").find("expired") != std::string::npos);
}

TEST_CASE("TLS links: both ends know whom they talk to") {
  authority a;
  exchange one{"proxy-1", a};
  exchange other{"container-1", a};
  auto dialed = one.dial(other.links.local(), "container-1");
  REQUIRE(dialed);
  CHECK(dialed->peer == "container-1");
  CHECK(dialed->tls);
  const auto accepted = other.accepted.take();
  REQUIRE(accepted);
  CHECK(accepted->peer == "proxy-1");
  CHECK(accepted->tls);
}

TEST_CASE("TLS links: a good certificate under another node's name is refused, by both ends") {
  authority a;
  a.with("container-2");
  exchange honest{"container-1", a};
  { // It dials and calls itself proxy-1, which has the cluster key right but the wrong certificate.
    exchange liar{"proxy-1", a.paths, "container-2"};
    CHECK_FALSE(liar.dial(honest.links.local(), "container-1"));
    CHECK(honest.links.totals().accepted == 0);
  }
  { // It is dialed as proxy-1.
    exchange liar{"proxy-1", a.paths, "container-2"};
    const auto refused = honest.dial(liar.links.local(), "proxy-1");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().what.find("has the certificate of container-2, not of proxy-1")
          != std::string::npos);
    // And without being expected.
    const auto unexpected = honest.dial(liar.links.local());
    REQUIRE_FALSE(unexpected);
    CHECK(unexpected.error().what.find("its certificate is for container-2") != std::string::npos);
  }
}

TEST_CASE("TLS links: another authority's certificate gets nobody in") {
  authority ours;
  authority theirs;
  exchange honest{"container-1", ours};
  exchange stranger{"proxy-1", theirs};
  CHECK_FALSE(stranger.dial(honest.links.local()));
  const auto refused = honest.dial(stranger.links.local());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().what.find("its certificate is not good") != std::string::npos);
  CHECK(honest.links.totals().accepted == 0);
}

TEST_CASE("TLS links: without TLS, with garbage, huge records or silence nobody gets in the way") {
  authority a;
  exchange honest{"container-1", a};
  std::vector<file_descriptor> attackers;
  for (const auto& bytes :
       {std::string{}, std::string(64, '\xff'), "HFL2D" + std::string(60, 'n'),
        std::string("\x16\x03\x01\xff\xff", 5) + std::string(4096, 'x'), // a record of 64 KiB
        std::string("\x16\x03\x01\x00\x05\x01\xff\xff\xff\x00", 10),     // a hello of 16 MiB
        std::string("\x16\x03\x01", 3)}) {                               // and no more
    attackers.push_back(connect_plainly(honest.links.local()));
    if (!bytes.empty()) ::send(attackers.back().get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  link_exchange plain{{"127.0.0.1", 0}, "proxy-2", {key}};
  inbox<result<link_exchange::link>> plainly;
  plain.dial({}, honest.links.local(),
             [&](result<link_exchange::link> r) { plainly.put(std::move(r)); });
  exchange good{"proxy-1", a};
  CHECK(good.dial(honest.links.local(), "container-1"));
  const auto refused = plainly.take();
  REQUIRE(refused);
  CHECK_FALSE(refused->has_value());
  plain.stop();
  for (const auto& fd : attackers) CHECK(closed(fd));
  CHECK(honest.links.totals().accepted == 1);
}

TEST_CASE("TLS links: frames of any size pass through BASP in both directions") {
  authority a;
  const auto secured = [&](const std::string& name) {
    auto o = options(name);
    o.certificates = a.with(name);
    return o;
  };
  node one{secured("proxy-1")};
  node other{secured("container-1")};
  one.world.dial("container-1", other.world.links_endpoint(), one.hub);
  const auto link = one.expect<link_established>();
  CHECK(link.peer == "container-1");
  for (const std::size_t size : {1U, 600U, 16'384U, 16'385U, 5'000'000U}) {
    caf::anon_send(one.hub, link.remote_hub, frame{1, 7, std::string(size, 'x')});
    CHECK(other.expect<frame>().bytes == std::string(size, 'x'));
    caf::anon_send(one.hub, link.remote_hub, frame{1, 7, "ping"});
    CHECK(other.expect<frame>().bytes == "ping");
    CHECK(one.expect<frame>().bytes == "pong");
  }
}
