// A dispatcher's relay and a proxy's connections with real sockets in between, without any actor.
#include "runtime/streams/sip_streams.hpp"
#include "runtime/streams/stream_relay.hpp"
#include "tests/runtime/waiting.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

using namespace holdfast;
using namespace holdfast::runtime;
using namespace std::chrono_literals;
using boost::asio::ip::tcp;

namespace {

const endpoint anywhere{"127.0.0.1", 0};

std::string request(const std::string& call_id, const std::string& body = "") {
  return "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1\r\nCall-ID: "
         + call_id + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// A proxy: what it received, and which sends failed.
struct node {
  explicit node(const std::string& name, stream_limits limits = {})
      : streams{{.node = name, .inside = anywhere, .limits = limits}} {
    streams.trust({"127.0.0.1"});
    streams.receive(
        [this](std::vector<actors::stream_message> batch) {
          for (auto& m : batch) messages.put(std::move(m));
          return !full;
        },
        [this](std::vector<std::string> tickets) {
          for (auto& t : tickets) failures.put(std::move(t));
        });
  }
  inbox<actors::stream_message> messages;
  inbox<std::string> failures;
  std::atomic<bool> full{false};
  sip_streams streams;
};

// A client that blocks.
struct client {
  explicit client(const endpoint& to) : socket{io} {
    socket.connect({boost::asio::ip::make_address(to.host), to.port});
  }
  void say(const std::string& bytes) { boost::asio::write(socket, boost::asio::buffer(bytes)); }
  std::string hear(std::size_t bytes) {
    std::string got(bytes, '\0');
    boost::system::error_code end;
    got.resize(boost::asio::read(socket, boost::asio::buffer(got), end));
    return got;
  }
  bool closed() { return hear(1).empty(); }
  [[nodiscard]] endpoint local() const { return {"127.0.0.1", socket.local_endpoint().port()}; }
  boost::asio::io_context io;
  tcp::socket socket;
};

} // namespace

TEST_CASE("streams: a message comes with its client's address, and the answer goes back to it") {
  node proxy{"proxy-1"};
  stream_relay relay{{anywhere}, {}};
  relay.set_targets({proxy.streams.local()});
  client phone{relay.local()[0]};
  for (const char byte : request("one", "body")) phone.say(std::string(1, byte));
  const auto got = proxy.messages.take();
  REQUIRE(got.has_value());
  CHECK(got->bytes == request("one", "body"));
  CHECK(got->peer == phone.local());
  CHECK(got->peer.over == transport::tcp);
  CHECK(got->peer.proxy() == "proxy-1");
  proxy.streams.send({{got->peer, std::nullopt, "SIP/2.0 200 OK\r\n\r\n", ""}});
  CHECK(phone.hear(18) == "SIP/2.0 200 OK\r\n\r\n");
  phone.say("\r\n\r\n");
  CHECK(phone.hear(2) == "\r\n"); // RFC 5626 4.4.1
}

TEST_CASE("streams: clients are spread over proxies, and closed when theirs is gone") {
  node first{"proxy-1"};
  node second{"proxy-2"};
  stream_relay relay{{anywhere}, {}};
  relay.set_targets({first.streams.local(), second.streams.local()});
  client a{relay.local()[0]};
  client b{relay.local()[0]};
  a.say(request("a"));
  b.say(request("b"));
  const auto at_first = first.messages.take();
  const auto at_second = second.messages.take();
  REQUIRE((at_first && at_second));
  auto& lost = at_first->peer == a.local() ? a : b;
  auto& kept = at_first->peer == a.local() ? b : a;
  relay.set_targets({second.streams.local()});
  CHECK(lost.closed());
  kept.say(request("still"));
  CHECK(second.messages.take().has_value());
  client again{relay.local()[0]};
  again.say(request("again"));
  CHECK(second.messages.take().has_value());
}

TEST_CASE("streams: a proxy that takes no connection is passed by") {
  node proxy{"proxy-1"};
  stream_relay relay{{anywhere}, {}};
  endpoint nobody;
  {
    node gone{"proxy-2"};
    nobody = gone.streams.local();
  }
  relay.set_targets({nobody, proxy.streams.local()});
  for (int i = 0; i < 4; ++i) {
    client phone{relay.local()[0]};
    phone.say(request("x"));
    CHECK(proxy.messages.take().has_value());
  }
}

TEST_CASE("streams: one that names no connection goes over one that leads there, or a new one") {
  node here{"proxy-1"};
  node there{"proxy-2"};
  stream_relay relay{{anywhere}, {}}; // it writes the PROXY header that `there` wants
  relay.set_targets({there.streams.local()});
  const flow to{relay.local()[0], transport::tcp};
  here.streams.send({{to, to, request("one"), "1"}, {to, to, request("two"), "2"}});
  const auto one = there.messages.take();
  const auto two = there.messages.take();
  REQUIRE((one && two));
  CHECK(one->bytes == request("one"));
  CHECK(one->peer.connection == two->peer.connection);
  here.streams.send({{to, to, request("three"), "3"}});
  CHECK(there.messages.take()->peer.connection == one->peer.connection);
  CHECK(here.streams.totals().connected == 1);
}

TEST_CASE("streams: the connection that is named is gone: the other way, or its ticket back") {
  node proxy{"proxy-1"};
  const flow gone{{"127.0.0.1", 9}, transport::tcp, "proxy-1/0.0"};
  proxy.streams.send({{gone, std::nullopt, request("lost"), "ticket"}});
  CHECK(proxy.failures.take() == "ticket");
  node other{"proxy-2"};
  stream_relay relay{{anywhere}, {}};
  relay.set_targets({other.streams.local()});
  proxy.streams.send({{gone, relay.local()[0], request("found"), "ticket"}});
  CHECK(other.messages.take()->bytes == request("found"));
  const auto refused = [] {
    node closed{"proxy-3"};
    return closed.streams.local();
  }();
  proxy.streams.send({{{refused, transport::tcp}, refused, request("x"), "refused"}});
  CHECK(proxy.failures.take() == "refused");
}

TEST_CASE("streams: a stranger, a bad header, a broken message and a slow one are closed") {
  stream_limits limits;
  limits.message = 300ms;
  limits.first_message = 600ms;
  limits.header = 300ms;
  node proxy{"proxy-1", limits};
  stream_relay relay{{anywhere}, {}};
  relay.set_targets({proxy.streams.local()});
  client slow{relay.local()[0]};
  slow.say("OPTIONS sip:a@b SIP/2.0\r\nVia");
  client silent{relay.local()[0]};
  client direct{proxy.streams.local()};
  direct.say("OPTIONS sip:a@b SIP/2.0\r\n\r\n");
  CHECK(direct.closed());
  client broken{relay.local()[0]};
  broken.say("OPTIONS sip:a@b SIP/2.0\r\n\r\n"); // no Content-Length
  CHECK(broken.closed());
  CHECK(slow.closed());
  CHECK(silent.closed());
  proxy.streams.trust({});
  client stranger{relay.local()[0]};
  CHECK(stranger.closed());
}

TEST_CASE("streams: more connections than allowed are closed") {
  stream_limits limits;
  limits.connections = 3;
  node proxy{"proxy-1", limits};
  stream_relay relay{{anywhere}, {}};
  relay.set_targets({proxy.streams.local()});
  std::vector<std::unique_ptr<client>> some;
  for (int i = 0; i < 3; ++i) {
    some.push_back(std::make_unique<client>(relay.local()[0]));
    some.back()->say(request("x"));
    CHECK(proxy.messages.take().has_value());
  }
  client fourth{relay.local()[0]};
  CHECK(fourth.closed());
}

TEST_CASE("streams: who has enough is not read for until it says so") {
  node proxy{"proxy-1"};
  proxy.full = true;
  stream_relay relay{{anywhere}, {}};
  relay.set_targets({proxy.streams.local()});
  client phone{relay.local()[0]};
  phone.say(request("one"));
  CHECK(proxy.messages.take().has_value());
  phone.say(request("two"));
  CHECK_FALSE(proxy.messages.take(300ms).has_value());
  proxy.full = false;
  proxy.streams.resume();
  CHECK(proxy.messages.take()->bytes == request("two"));
}

TEST_CASE("streams: a client that reads nothing is closed, and what it did not get comes back") {
  stream_limits limits;
  limits.unsent_bytes = 100'000;
  node proxy{"proxy-1", limits};
  stream_relay relay{{anywhere}, {}};
  relay.set_targets({proxy.streams.local()});
  client deaf{relay.local()[0]};
  deaf.say(request("x"));
  const auto peer = proxy.messages.take()->peer;
  const std::string big(50'000, 'x');
  for (int i = 0; i < 2000 && proxy.streams.totals().open == 1; ++i)
    proxy.streams.send({{peer, std::nullopt, big, "ticket"}});
  CHECK(proxy.failures.take().has_value());
  CHECK(eventually([&] { return proxy.streams.totals().open == 0; }));
}

TEST_CASE("streams: a client that asks and does not listen is heard again when it has listened") {
  stream_limits limits;
  limits.unsent_bytes = 8'000'000;
  node proxy{"proxy-1", limits};
  stream_relay relay{{anywhere}, {}};
  relay.set_targets({proxy.streams.local()});
  client deaf{relay.local()[0]};
  deaf.say(request("one"));
  const auto peer = proxy.messages.take()->peer;
  const std::string big(100'000, 'x');
  for (int i = 0; i < 40; ++i) proxy.streams.send({{peer, std::nullopt, big, ""}});
  CHECK_FALSE(proxy.messages.take(300ms).has_value()); // all of it is on its way
  deaf.say(request("two"));
  CHECK(proxy.messages.take()->bytes == request("two")); // that read was under way
  deaf.say(request("three"));
  CHECK_FALSE(proxy.messages.take(300ms).has_value());
  CHECK(deaf.hear(40 * big.size()).size() == 40 * big.size());
  CHECK(proxy.messages.take()->bytes == request("three"));
}
