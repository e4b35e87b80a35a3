#include "runtime/etcd_ledger.hpp"
#include "runtime/file_descriptor.hpp"
#include "runtime/http_client.hpp"
#include "runtime/socket_address.hpp"
#include "tests/runtime/temporary_directory.hpp"
#include "tests/runtime/waiting.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <optional>
#include <string>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using namespace holdfast;
using namespace holdfast::runtime;
using namespace std::chrono_literals;

namespace {

constexpr auto etcd_program = "/usr/bin/etcd";

endpoint free_address() {
  const file_descriptor socket = open_bound({"127.0.0.1", 0}, SOCK_STREAM, "a test");
  return bound_endpoint(socket, {"127.0.0.1", 0});
}

// A real etcd of one member; ended with the test.
class etcd {
public:
  etcd() : client{free_address()} {
    const auto url = "http://" + to_string(client);
    const auto peers = "http://" + to_string(free_address());
    std::vector<std::string> words{etcd_program,
                                   "--data-dir",
                                   directory_.path().string(),
                                   "--listen-client-urls",
                                   url,
                                   "--advertise-client-urls",
                                   url,
                                   "--listen-peer-urls",
                                   peers,
                                   "--initial-advertise-peer-urls",
                                   peers,
                                   "--initial-cluster",
                                   "default=" + peers};
    std::vector<char*> arguments;
    for (auto& w : words) arguments.push_back(w.data());
    arguments.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      const int nothing = ::open("/dev/null", O_RDWR);
      ::dup2(nothing, STDOUT_FILENO);
      ::dup2(nothing, STDERR_FILENO);
      ::execv(etcd_program, arguments.data());
      ::_exit(127);
    }
    REQUIRE(eventually([this] {
      const auto health = http_request("GET", client, "/health", 200ms);
      return health && health->status == 200;
    }));
  }
  ~etcd() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  etcd(const etcd&) = delete;
  etcd& operator=(const etcd&) = delete;

  void stop() const { ::kill(pid_, SIGSTOP); }
  void resume() const { ::kill(pid_, SIGCONT); }

  endpoint client;

private:
  temporary_directory directory_;
  pid_t pid_ = -1;
};

// A ledger whose answers can be waited for.
class asked {
public:
  explicit asked(std::vector<endpoint> servers) : ledger_{{std::move(servers), "test", 300ms}} {}
  ~asked() { ledger_.stop(); }
  asked(const asked&) = delete;
  asked& operator=(const asked&) = delete;

  result<std::optional<ledger_content>> load() {
    ledger_.load([this](const auto& r) { loaded_.put(r); });
    return loaded_.take().value();
  }
  result<std::uint64_t> write(std::uint64_t number, const std::string& bytes) {
    ledger_.compare_and_swap(number, bytes, [this](const auto& r) { written_.put(r); });
    return written_.take().value();
  }

private:
  inbox<result<std::optional<ledger_content>>> loaded_;
  inbox<result<std::uint64_t>> written_;
  etcd_ledger ledger_;
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("etcd ledger: against a real etcd") {
  if (!std::filesystem::exists(etcd_program)) {
    MESSAGE("skipped: there is no " << etcd_program);
    return;
  }
  const etcd server;
  const std::string bytes("\0\xff view", 7);
  {
    asked first{{server.client}};

    // Nothing was ever written; then numbers follow one another.
    const auto nothing = first.load();
    REQUIRE(nothing);
    CHECK_FALSE(nothing->has_value());
    CHECK(first.write(1, bytes).has_value());
    CHECK(first.write(2, std::string(200'000, 'v')).has_value());
    CHECK_FALSE(first.write(2, bytes).has_value());
    CHECK_FALSE(first.write(4, bytes).has_value());

    // Whoever writes first wins; the other has to read before it can write again.
    asked second{{server.client}};
    const auto found = second.load();
    REQUIRE(found);
    REQUIRE(found->has_value());
    CHECK((*found)->number == 2);
    CHECK((*found)->bytes == std::string(200'000, 'v'));
    CHECK(second.write(3, "of the second").has_value());
    const auto lost = first.write(3, "of the first");
    REQUIRE_FALSE(lost);
    CHECK(contains(lost.error().what, "another was first"));
    const auto again = first.load();
    REQUIRE(again);
    CHECK((*again)->bytes == "of the second");
    CHECK(first.write(4, "of the first").has_value());
    CHECK_FALSE(second.write(4, "of the second").has_value());
    CHECK(second.load().has_value());

    // Stopped: an error in bounded time. Resumed: it goes on, whatever becomes of that write, which
    // may still come into effect after it was read that it had not.
    server.stop();
    const auto began = std::chrono::steady_clock::now();
    const auto silent = second.write(5, "into the void");
    CHECK(std::chrono::steady_clock::now() - began < 5s);
    REQUIRE_FALSE(silent);
    CHECK(contains(silent.error().what, "etcd does not answer"));
    CHECK_FALSE(second.load().has_value());
    server.resume();
    CHECK(eventually([&] {
      const auto now = second.load();
      if (!now || !*now) return false;
      const auto number = (*now)->number;
      CHECK((number == 4 || number == 5));
      return second.write(number + 1, bytes).has_value();
    }));
  }
  // A server that is not there costs a try and no more.
  asked third{{free_address(), server.client}};
  const auto found = third.load();
  REQUIRE(found);
  REQUIRE(found->has_value());
  CHECK((*found)->bytes == bytes);
}

TEST_CASE("etcd ledger: nobody there is an error that names whom it asked") {
  const auto nobody = free_address();
  asked alone{{nobody}};
  const auto loaded = alone.load();
  REQUIRE_FALSE(loaded);
  CHECK(contains(loaded.error().what, to_string(nobody)));
  CHECK_FALSE(alone.write(1, "x").has_value());
  CHECK_THROWS_WITH((etcd_ledger{{{}, "test", 300ms}}), doctest::Contains("no etcd server"));
}
