#include "protocol/cluster/admission.hpp"
#include "protocol/sip/parser.hpp"
#include "protocol/sip/writer.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <string>
#include <vector>

using namespace holdfast;
using namespace holdfast::cluster;
using verdict = admission::verdict;

namespace {

const instant start{1h};

// Uneven, the same in every run.
class dice {
public:
  std::uint64_t operator()() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return state_ >> 20;
  }

private:
  std::uint64_t state_ = 7;
};

sip::message invite_with(const std::string& uri, const std::string& header) {
  const auto parsed = sip::parse("INVITE " + uri
                                 + " SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: "
                                   "<sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: 1\r\nCSeq: 1 "
                                   "INVITE\r\nMax-Forwards: 70\r\n"
                                 + header + "Content-Length: 0\r\n\r\n");
  REQUIRE(parsed);
  return *parsed;
}

// A cluster in virtual time: clients that place calls of three messages, two of them in the dialog
// and up to a second later; proxies that let in; containers that take everything that was let in.
class stage {
public:
  stage(std::size_t proxies, std::vector<load_limits> limits) : proxies_(proxies) {
    for (const auto& l : limits) containers_.push_back({load_gauge{l}, {}});
  }

  // `uneven`: the first proxy gets all of it.
  void run(double calls_per_s, duration time, bool uneven = false) {
    for (const auto end = now_ + time; now_ < end; now_ += 1ms) {
      owed_ += calls_per_s / 1000;
      for (; owed_ >= 1; owed_ -= 1) offer(proxies_[uneven ? 0 : random_() % proxies_.size()]);
      for (auto& c : containers_)
        for (; !c.due.empty() && c.due.front() <= now_; c.due.pop_front()) {
          c.gauge.message(now_);
          ++messages;
        }
      const auto ms = now_.time_since_epoch() / 1ms;
      if (ms % 30 == 0)
        for (std::size_t i = 0; i < containers_.size(); ++i) {
          const auto told = containers_[i].gauge.report({containers_[i].sessions, 0, 0}, now_);
          for (auto& p : proxies_) p.reported(std::to_string(i), told, now_);
        }
      if (ms % 20 == 0)
        for (auto& p : proxies_) p.on_tick(now_);
    }
  }

  void reset() { offered = admitted = refused = ignored = messages = 0; }
  [[nodiscard]] double share() const { return proxies_.front().share(); }
  void occupy(std::size_t which, std::uint32_t sessions) { containers_[which].sessions = sessions; }
  void respond_in(duration each) { response_time_ = each; }

  int offered = 0;
  int admitted = 0;
  int refused = 0;
  int ignored = 0;
  int messages = 0;

private:
  struct container {
    load_gauge gauge;
    std::deque<instant> due; // messages in dialogs
    std::uint32_t sessions = 0;
  };

  void offer(admission& by) {
    ++offered;
    switch (by.decide(urgency::fresh, random_(), now_)) {
    case verdict::refuse:
      ++refused;
      return;
    case verdict::ignore:
      ++ignored;
      return;
    case verdict::admit:
      break;
    }
    auto& c = containers_[random_() % containers_.size()];
    if (c.gauge.overrun(now_)) {
      ++ignored;
      return;
    }
    ++admitted;
    ++messages;
    c.gauge.message(now_);
    c.gauge.started(1, now_);
    c.gauge.dealt_with(response_time_);
    c.due.push_back(now_ + 20ms);
    c.due.push_back(now_ + 500ms);
    std::sort(c.due.begin(), c.due.end());
  }

  std::vector<admission> proxies_;
  std::vector<container> containers_;
  instant now_ = start;
  double owed_ = 0;
  duration response_time_{1ms};
  dice random_;
};

} // namespace

TEST_CASE("admission: without limits everything gets in") {
  stage s{2, {{}, {}}};
  s.run(2'000, 1s);
  CHECK(s.admitted == s.offered);
  CHECK(s.share() == 1);
}

TEST_CASE("admission: in a dialog and in an emergency everything gets in, and new work waits") {
  admission a;
  a.reported("c", load{{}, 0, 0, 0, 0, {}}, start); // full
  a.on_tick(start);
  CHECK(a.share() == 0);
  CHECK(a.loss_percent() == 100);
  CHECK(a.decide(urgency::fresh, 0, start) == verdict::refuse);
  CHECK(a.decide(urgency::in_dialog, 0, start) == verdict::admit);
  CHECK(a.decide(urgency::emergency, 0, start) == verdict::admit);
}

TEST_CASE("admission: one container that is full is no reason to refuse") {
  admission a;
  a.reported("full", load{{}, 0, 0, 0, 0, {}}, start);
  a.reported("free", load{{}, 0, 500, 0, 0, {}}, start);
  a.on_tick(start);
  CHECK(a.decide(urgency::fresh, 0xffff'ffff, start) == verdict::admit);
}

TEST_CASE("admission: a container that has fallen silent does not count") {
  admission a;
  a.reported("c", load{{}, 0, 0, 0, 0, {}}, start);
  a.on_tick(start + 2s);
  CHECK(a.share() == 1);
}

TEST_CASE("admission: refusals have a bound, above it is silence") {
  admission a;
  a.reported("c", load{{}, 0, 0, 0, 0, {}}, start);
  a.on_tick(start);
  std::uint32_t refused = 0;
  for (std::uint32_t i = 0; i < 2 * admission::refusals_max; ++i)
    refused += a.decide(urgency::fresh, i, start) == verdict::refuse ? 1 : 0;
  CHECK(refused == admission::refusals_max);
  CHECK(a.decide(urgency::fresh, 0, start + 1s) == verdict::refuse);
}

TEST_CASE(
    "admission: ten times the capacity leaves at least 80 % of it, and 5 s later all is well") {
  // 3 containers of 300 messages a second; three messages a call: 300 calls a second at most.
  for (const bool uneven : {false, true}) {
    CAPTURE(uneven);
    stage s{2, {{0, 300, {}}, {0, 300, {}}, {0, 300, {}}}};
    s.run(250, 5s, uneven);
    CHECK(s.admitted > s.offered * 95 / 100);
    s.run(3'000, 2s, uneven); // the onset
    s.reset();
    s.run(3'000, 10s, uneven);
    CHECK(s.admitted >= 300 * 10 * 8 / 10);
    CHECK(s.messages <= 900 * 10 * 11 / 10);
    CHECK(s.refused > s.offered / 2);
    s.run(250, 5s, uneven);
    s.reset();
    s.run(250, 5s, uneven);
    CHECK(s.admitted == s.offered);
  }
}

TEST_CASE("admission: the maximum number of sessions keeps out what is above") {
  stage s{2, {{1'000, 0, {}}}};
  s.occupy(0, 999);
  s.run(100, 2s);
  s.reset();
  s.run(100, 2s);
  CHECK(s.admitted <= 2 * 10 * 2); // one session is free: ten a second at most
  s.occupy(0, 1'000);
  s.run(100, 1s);
  s.reset();
  s.run(100, 2s);
  CHECK(s.admitted == 0);
  s.occupy(0, 200);
  s.run(100, 2s);
  s.reset();
  s.run(100, 2s);
  CHECK(s.admitted == s.offered);
}

TEST_CASE("admission: above the maximum response time less gets in, until it falls") {
  stage s{1, {{0, 0, 50ms}}};
  s.run(200, 2s);
  CHECK(s.admitted == s.offered);
  s.respond_in(120ms);
  s.run(200, 3s);
  s.reset();
  s.run(200, 2s);
  CHECK(s.admitted < s.offered / 2);
  CHECK(s.admitted > 0);
  s.respond_in(5ms);
  s.run(200, 10s);
  s.reset();
  s.run(200, 2s);
  CHECK(s.admitted == s.offered);
}

TEST_CASE("admission: what is an emergency [RFC 5031, RFC 7135, RFC 3261 20.26]") {
  const auto urgent = [](const char* request_uri, const char* header) {
    const auto bytes = sip::to_bytes(invite_with(request_uri, header));
    sip::message_view view;
    REQUIRE_FALSE(view.read(bytes));
    return is_emergency(view);
  };
  CHECK(urgent("urn:service:sos", ""));
  CHECK(urgent("urn:service:sos.fire", ""));
  CHECK(urgent("sip:b@h", "Priority: Emergency\r\n"));
  CHECK(urgent("sip:b@h", "Resource-Priority: dsn.flash, esnet.1\r\n"));
  CHECK_FALSE(urgent("sip:b@h", "Priority: urgent\r\n"));
  CHECK_FALSE(urgent("sip:b@h", "Resource-Priority: dsn.flash\r\n"));
  CHECK_FALSE(urgent("sip:sos@h", ""));
}
