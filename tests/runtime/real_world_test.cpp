#include "protocol/cluster/heartbeat.hpp"
#include "runtime/process_channel.hpp"
#include "runtime/real_world.hpp"
#include "runtime/socket_address.hpp"
#include "runtime/udp_socket.hpp"
#include "tests/runtime/temporary_directory.hpp"
#include "tests/runtime/test_node.hpp"
#include "tests/runtime/waiting.hpp"

#include <doctest/doctest.h>

#include <array>
#include <filesystem>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <variant>

using namespace holdfast;
using namespace holdfast::actors;
using namespace holdfast::runtime;

namespace {

// Takes no datagram before it is let go.
class sluggard : public caf::event_based_actor {
public:
  sluggard(caf::actor_config& config, std::shared_future<void> go)
      : caf::event_based_actor(config), go_{std::move(go)} {}

  caf::behavior make_behavior() override {
    return {[this](datagrams_received&) { go_.wait(); }};
  }

private:
  std::shared_future<void> go_;
};

// As if a cable had been pulled, only faster.
void cut_connections_to(std::uint16_t port) {
  for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"}) {
    const int fd = std::stoi(entry.path().filename());
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length) == 0
        && peer.ss_family == AF_INET && to_endpoint(peer).port == port)
      ::shutdown(fd, SHUT_RDWR);
  }
}

cluster::member member(const std::string& name, cluster::role serves, const endpoint& heartbeats) {
  cluster::member m;
  m.card.name = name;
  m.card.serves = serves;
  m.card.heartbeats = heartbeats;
  m.incarnation = {1};
  m.state = cluster::member_state::active;
  return m;
}

} // namespace

TEST_CASE("real world: two nodes link up and frames pass both ways") {
  node a{options("proxy-1")};
  node b{options("container-1")};
  a.world.dial("container-1", b.world.links_endpoint(), a.hub);
  const auto link = a.expect<link_established>();
  CHECK(link.peer == "container-1");
  caf::anon_send(a.hub, link.remote_hub, frame{frame::current_version, 7, "ping"});
  const auto there = b.expect<frame>();
  CHECK(there.kind == 7);
  CHECK(there.bytes == "ping");
  CHECK(a.expect<frame>().bytes == "pong");
  CHECK(a.world.counters().links.dialed == 1);
  CHECK(b.world.counters().links.accepted == 1);
}

TEST_CASE("real world: a coordinator is dialed by its address, which may be a name") {
  node a{options("proxy-1")};
  node b{options("coordinator-1")};
  a.world.dial("", {"localhost", b.world.links_endpoint().port}, a.hub);
  CHECK(a.expect<link_established>().peer == "coordinator-1");
}

TEST_CASE("real world: a link that can not be is answered with the reason") {
  node a{options("proxy-1")};
  auto strange = options("container-1");
  strange.cluster_key = "fedcba9876543210-cluster";
  node b{strange};
  a.world.dial("container-1", b.world.links_endpoint(), a.hub);
  const auto failed = a.expect<link_failed>();
  CHECK(failed.peer == "container-1");
  CHECK(failed.why.find("cluster key") != std::string::npos);
}

TEST_CASE("real world: links that come and go leave no descriptor behind") {
  node steady{options("container-1")};
  std::ptrdiff_t before = 0;
  for (int round = 0; round < 50; ++round) {
    {
      node passing{options("proxy-1")};
      // A new actor system is a new node to BASP, as a restarted process is.
      passing.world.dial("container-1", steady.world.links_endpoint(), passing.hub);
      const auto link = passing.expect<link_established>();
      caf::anon_send(passing.hub, link.remote_hub, frame{frame::current_version, 1, "ping"});
      REQUIRE(steady.expect<frame>().bytes == "ping");
      REQUIRE(passing.expect<frame>().bytes == "pong");
    }
    if (round == 1) {
      // What is made once, by now has been.
      auto last = open_descriptors();
      CHECK(eventually([&] { return std::exchange(last, open_descriptors()) == last; }));
      before = open_descriptors();
    }
  }
  CHECK(eventually([&] { return open_descriptors() <= before; }));
}

TEST_CASE("real world: a link that is cut is noticed at once and comes back, fifty times") {
  node a{options("proxy-1")};
  node b{options("container-1")};
  const auto dial = [&] { a.world.dial("container-1", b.world.links_endpoint(), a.hub); };
  std::ptrdiff_t before = 0;
  bool dialing = true;
  bool standing = false;
  dial();
  for (int cuts = 0, events = 0; cuts < 50 || standing || dialing; ++events) {
    REQUIRE(events < 400);
    const auto next = a.seen.take();
    REQUIRE(next);
    if (const auto* link = std::get_if<link_established>(&*next)) {
      dialing = false;
      standing = true;
      caf::anon_send(a.hub, link->remote_hub, frame{frame::current_version, 1, "ping"});
    } else if (std::holds_alternative<frame>(*next)) {
      if (before == 0) before = open_descriptors();
      ++cuts;
      cut_connections_to(b.world.links_endpoint().port);
    } else {
      // Of the cut; or the dial came before the other end had noticed the cut (basp_links.hpp).
      if (!std::holds_alternative<caf::down_msg>(*next))
        REQUIRE(std::holds_alternative<link_failed>(*next));
      standing = false;
      dialing = cuts < 50;
      if (dialing) dial();
    }
  }
  CHECK(a.world.counters().links.dialed >= 50);
  CHECK(eventually([&] { return open_descriptors() < before; }));
}

TEST_CASE("real world: a dial to a peer that has a link is answered with that link") {
  node a{options("proxy-1")};
  node b{options("container-1")};
  a.world.dial("container-1", b.world.links_endpoint(), a.hub);
  const auto first = a.expect<link_established>();
  const auto standing = open_descriptors();
  a.world.dial("container-1", b.world.links_endpoint(), a.hub);
  CHECK(a.expect<link_established>().remote_hub == first.remote_hub);
  CHECK(eventually([&] { return open_descriptors() == standing; }));
}

TEST_CASE("real world: datagrams reach the receiver of their socket and leave through it") {
  auto o = options("dispatcher-1");
  o.outside = endpoint{"127.0.0.1", 0};
  node a{o};
  CHECK_FALSE(a.world.inside_endpoint());
  CHECK_FALSE(a.world.send_datagrams(socket_name::inside, {{{"127.0.0.1", 9}, "x"}}));
  udp_socket phone{{"127.0.0.1", 0}, "a test"};
  const auto to = a.world.outside_endpoint().value();
  const udp_socket::outgoing_view one[] = {{&to, "OPTIONS"}};
  phone.send(one); // before anybody receives: it waits in the kernel
  a.world.receive_datagrams(socket_name::outside, a.hub);
  const auto got = a.expect<datagrams_received>();
  REQUIRE(got.datagrams.size() == 1);
  CHECK(got.socket == socket_name::outside);
  CHECK(got.datagrams[0].bytes == "OPTIONS");
  CHECK(got.datagrams[0].peer == phone.local());
  CHECK(a.world.send_datagrams(socket_name::outside, {{phone.local(), "200 OK"}}));
  REQUIRE(eventually([&] {
    const auto& back = phone.receive();
    return back.size() == 1 && back[0].bytes == "200 OK" && back[0].peer == to;
  }));
}

TEST_CASE("real world: a receiver that does not keep up is not flooded") {
  auto o = options("proxy-1");
  o.inside = endpoint{"127.0.0.1", 0};
  node a{o};
  std::promise<void> go;
  auto gone = go.get_future().share();
  auto slow = a.system.spawn<sluggard>(gone);
  a.world.receive_datagrams(socket_name::inside, slow);
  udp_socket flood{{"127.0.0.1", 0}, "a test"};
  const auto to = a.world.inside_endpoint().value();
  CHECK(eventually([&] {
    const udp_socket::outgoing_view one[] = {{&to, "x"}};
    flood.send(one);
    return a.world.counters().inside.waits == 1;
  }));
  const auto read = a.world.counters().inside.received;
  for (int i = 0; i < 500; ++i) {
    const udp_socket::outgoing_view one[] = {{&to, "x"}};
    flood.send(one);
  }
  CHECK(a.world.counters().inside.received == read);
  go.set_value();
  CHECK(eventually([&] { return a.world.counters().inside.received >= read + 500; }));
  caf::anon_send_exit(slow, caf::exit_reason::user_shutdown);
}

TEST_CASE("real world: a silent peer is suspected, forgeries do not speak for it, its voice does") {
  node a{options("coordinator-1")};
  udp_socket peer{{"127.0.0.1", 0}, "a test"};
  auto v = std::make_shared<cluster::view>();
  v->number = {3};
  v->members = {member("container-1", cluster::role::container, peer.local()),
                member("coordinator-1", cluster::role::coordinator, a.world.heartbeats_endpoint())};
  const node_id who{"container-1", {1}};
  const auto to = a.world.heartbeats_endpoint();
  std::uint64_t tick = 0;
  const auto speak = [&](const std::string& with_key, view_number number) {
    a.world.probe_answered();
    const auto bytes = cluster::seal({who, ++tick, number, {}, {}}, with_key);
    const udp_socket::outgoing_view one[] = {{&to, bytes}};
    peer.send(one);
  };
  a.world.watch(v, {"coordinator-1", {1}}, a.hub);
  std::optional<event> said;
  REQUIRE(eventually([&] {
    speak("fedcba9876543210-forger", {9});
    said = a.seen.take(std::chrono::milliseconds{20});
    return said.has_value();
  }));
  REQUIRE(std::holds_alternative<peer_suspected>(*said));
  CHECK(std::get<peer_suspected>(*said).peer == who);
  CHECK(std::get<peer_suspected>(*said).suspected);
  CHECK(a.world.counters().heartbeats.rejected > 0);

  bool ahead = false;
  bool trusted = false;
  REQUIRE(eventually([&] {
    speak(key, {4});
    said = a.seen.take(std::chrono::milliseconds{10});
    if (said && std::holds_alternative<newer_view_seen>(*said))
      ahead = std::get<newer_view_seen>(*said).number == view_number{4};
    if (said && std::holds_alternative<peer_suspected>(*said))
      trusted = !std::get<peer_suspected>(*said).suspected;
    return ahead && trusted;
  }));
  // And this node speaks to its members.
  REQUIRE(eventually([&] {
    for (const auto& d : peer.receive())
      if (const auto beat = cluster::unseal(d.bytes, key))
        return beat->from == node_id{"coordinator-1", {1}};
    return false;
  }));
}

TEST_CASE("real world: the ledger answers in messages") {
  const temporary_directory home;
  auto o = options("coordinator-1");
  o.ledger_file = home.path() / "ledger";
  {
    node a{o};
    a.world.ledger_load(a.hub);
    CHECK_FALSE(a.expect<ledger_loaded>().found);
    a.world.ledger_compare_and_swap(1, "one", a.hub);
    const auto written = a.expect<ledger_written>();
    CHECK(written.written);
    CHECK(written.number == 1);
    a.world.ledger_compare_and_swap(1, "again", a.hub);
    const auto lost = a.expect<ledger_written>();
    CHECK_FALSE(lost.written);
    CHECK_FALSE(lost.error.empty());
  }
  node again{o};
  again.world.ledger_load(again.hub);
  const auto loaded = again.expect<ledger_loaded>();
  CHECK(loaded.found);
  CHECK(loaded.bytes == "one");
  CHECK(loaded.error.empty());
}

TEST_CASE("real world: the launcher is asked to kill, and ends arrive at the observer") {
  auto [launcher, end] = make_process_channel();
  auto o = options("coordinator-1");
  o.control_fd = end.release();
  node a{o};
  CHECK(a.world.supervised());
  a.world.observe_processes(a.hub);
  REQUIRE(a.world.kill_process("container-2", 4711));
  std::array<char, process_message_bytes_max> buffer{};
  const auto got = ::recv(launcher.get(), buffer.data(), buffer.size(), 0);
  REQUIRE(got > 0);
  CHECK(decode_process_message({buffer.data(), static_cast<std::size_t>(got)})
        == process_message{kill_order{"container-2", 4711}});
  REQUIRE(send_process_message(launcher.get(), encode(process_end{"container-2", 4711})));
  const auto ended = a.expect<process_ended>();
  CHECK(ended.name == "container-2");
  CHECK(ended.pid == 4711);
  a.world.stop(); // before the launcher's end closes: that would end this process
}

TEST_CASE("real world: a node without its launcher ends, and so does one that is told to") {
  const struct {
    bool launcher_ends;
    int exit_code;
  } rows[] = {{true, 3}, {false, 70}};
  for (const auto& row : rows) {
    auto [launcher, end] = make_process_channel();
    const auto child = ::fork(); // no thread of an earlier test is left
    if (child == 0) {
      launcher.close();
      auto o = options("container-1");
      o.control_fd = end.release();
      node a{o};
      if (!row.launcher_ends) a.world.fail_stop("a test");
      (void)a.seen.take();
      ::_exit(1);
    }
    REQUIRE(child > 0);
    end.close();
    if (row.launcher_ends) launcher.close();
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == row.exit_code);
  }
}

TEST_CASE("real world: without a launcher nobody is killed") {
  node a{options("coordinator-1")};
  CHECK_FALSE(a.world.supervised());
  CHECK_FALSE(a.world.kill_process("container-2", 4711));
}

TEST_CASE("real world: random numbers differ, names are answered") {
  node a{options("proxy-1")};
  CHECK(a.world.random() != a.world.random());
  a.world.resolve("127.0.0.1", a.hub);
  const auto resolved = a.expect<name_resolved>();
  CHECK(resolved.name == "127.0.0.1");
  CHECK(resolved.addresses == std::vector<std::string>{"127.0.0.1"});
}
