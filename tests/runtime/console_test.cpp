#include "runtime/console.hpp"
#include "runtime/http_client.hpp"

#include <doctest/doctest.h>

#include <utility>

using namespace holdfast;
using namespace holdfast::runtime;
using namespace std::chrono_literals;

namespace {

struct fake_backend : console_backend {
  void ready(done reply) override { reply({503, R"({"ready":false,"reason":"no container"})"}); }
  void members(done reply) override { reply({200, R"([{"name":"container-1"}])"}); }
  void shards(done reply) override { kept = std::move(reply); } // never answers by itself
  void status(done reply) override { reply({200, "{}"}); }
  void operate(operation what, std::string node, std::uint16_t shard, done reply) override {
    const char* const words[] = {"kill", "drain", "undrain", "move"};
    operated.push_back(words[static_cast<std::size_t>(what)] + (" " + node)
                       + (what == operation::move ? " " + std::to_string(shard) : ""));
    reply({202, "{}"});
  }
  bool look(const console_query& q, done reply) override {
    if (q.path.back() != "calls") return false;
    ++looked;
    reply({200, R"({"search":")" + q.value("search") + "\"}"});
    return true;
  }

  std::vector<std::string> operated;
  int looked = 0;
  done kept;
};

const std::string token = "abcdefghijklmnopqrstuvwxyz234567";

struct fixture {
  std::shared_ptr<fake_backend> backend = std::make_shared<fake_backend>();
  console server{{.address = {"127.0.0.1", 0}, .hosts = {}, .token = token, .answer_max = 100ms},
                 backend};
  endpoint address{"127.0.0.1", server.port()};

  http_answer ask(const std::string& method, const std::string& target,
                  const std::string& with_token = token) {
    auto answer = http_request(method, address, target, 2000ms, {}, with_token);
    REQUIRE(answer);
    return *answer;
  }
};

} // namespace

TEST_CASE_FIXTURE(fixture, "console: answers are the backend's, with their status") {
  CHECK(ask("GET", "/healthz").status == 200);
  CHECK(ask("GET", "/readyz").status == 503);
  CHECK(ask("GET", "/readyz").body.find("no container") != std::string::npos);
  CHECK(ask("GET", "/api/v1/members?x=1").body == "[{\"name\":\"container-1\"}]\n");
  CHECK(ask("GET", "/api/v1/nothing").status == 404);
}

TEST_CASE_FIXTURE(fixture, "console: what operators want done is a POST and nothing else") {
  CHECK(ask("GET", "/api/v1/kill/proxy-1").status == 404);
  CHECK(backend->operated.empty());
  CHECK(ask("POST", "/api/v1/kill/proxy-1").status == 202);
  CHECK(ask("POST", "/api/v1/drain/container-1").status == 202);
  CHECK(ask("POST", "/api/v1/undrain/container-1").status == 202);
  CHECK(ask("POST", "/api/v1/move/17/container-2").status == 202);
  CHECK(backend->operated
        == std::vector<std::string>{"kill proxy-1", "drain container-1", "undrain container-1",
                                    "move container-2 17"});
}

TEST_CASE_FIXTURE(fixture, "console: an operation that is written wrongly is a 404") {
  for (const auto* path : {"/api/v1/kill", "/api/v1/kill/", "/api/v1/drain/a/b", "/api/v1/move/x",
                           "/api/v1/move/17", "/api/v1/move/17/", "/api/v1/move/99999/container-1",
                           "/api/v1/move/-1/container-1", "/api/v1/explode/container-1"})
    CHECK(ask("POST", path).status == 404);
  CHECK(backend->operated.empty());
}

TEST_CASE_FIXTURE(fixture, "console: without the token nothing can be done, and it is counted") {
  for (const auto& wrong : {std::string{}, std::string{"x"}, token + "x", token.substr(1)}) {
    CHECK(ask("POST", "/api/v1/kill/proxy-1", wrong).status == 401);
    CHECK(ask("GET", "/api/v1/access", wrong).body == "{\"operations\":false}\n");
  }
  CHECK(backend->operated.empty());
  CHECK(server.counters().refused == 4);
  CHECK(ask("GET", "/api/v1/access").body == "{\"operations\":true}\n");
  CHECK(ask("GET", "/api/v1/members", "").status == 200); // reading is free
}

TEST_CASE_FIXTURE(fixture, "console: a query is unescaped, a path with tricks is refused") {
  CHECK(ask("GET", "/api/v1/calls?search=a%40b+c&x").body == "{\"search\":\"a@b c\"}\n");
  for (const auto* trick : {"/../etc/passwd", "/api/v1/%2e%2e/calls", "/api//v1/calls",
                            "/api/v1/a%2fb", "/api/v1/%zz", "/api/v1/calls?a=%00", "/api/v1/a%5cb"})
    CHECK(ask("GET", trick).status == 400);
  CHECK(backend->looked == 1);
  CHECK(server.counters().malformed == 7);
}

TEST_CASE_FIXTURE(fixture,
                  "console: a backend that does not answer in time is a 504, and later harmless") {
  CHECK(ask("GET", "/api/v1/shards").status == 504);
  backend->kept({200, "[]"});
  CHECK(ask("GET", "/healthz").status == 200);
}

TEST_CASE("console: an answer after its end does nothing") {
  console_backend::done late;
  {
    fixture f;
    CHECK(f.ask("GET", "/api/v1/shards").status == 504);
    late = f.backend->kept;
  }
  late({200, "[]"});
}

TEST_CASE("console: a taken address is an exception at the start") {
  fixture f;
  CHECK_THROWS_AS(console({.address = f.address, .hosts = {}}, f.backend), std::system_error);
}

TEST_CASE("http client: nobody there is an error, not an exception") {
  endpoint gone;
  {
    fixture f;
    gone = f.address;
  }
  CHECK_FALSE(http_request("GET", gone, "/healthz", 500ms));
}
