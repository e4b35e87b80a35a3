// protocol/sip beside GNU oSIP and Sofia-SIP, in one binary, on one message: the INVITE of RFC 3261
// section 24.2 with its way through two proxies behind it, 570 bytes.
//
//   route    parsed, and read what routing needs: method, Request-URI, top Route, top Via with its
//            branch, both tags, Call-ID, CSeq, Max-Forwards
//   decode   parsed, and every header field taken apart
//   write    a message that its program holds as a value to bytes
#include "protocol/sip/message_view.hpp"
#include "protocol/sip/multipart.hpp"
#include "protocol/sip/parser.hpp"
#include "protocol/sip/writer.hpp"
#include "tests/allocations/counted_malloc.hpp"

#include <benchmark/benchmark.h>
#include <cstdlib>
#include <osipparser2/osip_message.h>
#include <osipparser2/osip_parser.h>
#include <sofia-sip/msg.h>
#include <sofia-sip/msg_addr.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_parser.h>
#include <sofia-sip/sip_util.h>
#include <string>
#include <string_view>

namespace {

using namespace holdfast;

const std::string invite = [] {
  std::string sdp = "v=0\r\no=alice 53655765 2353687637 IN IP4 pc33.atlanta.com\r\ns=-\r\n"
                    "t=0 0\r\nc=IN IP4 pc33.atlanta.com\r\nm=audio 3456 RTP/AVP 0\r\n";
  const std::string head =
      "INVITE sip:bob@192.0.2.4 SIP/2.0\r\n"
      "Via: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bKnashds8;received=192.0.2.1\r\n"
      "Max-Forwards: 68\r\n"
      "Route: <sip:p2.biloxi.com;lr>\r\n"
      "To: Bob <sip:bob@biloxi.com>\r\n"
      "From: Alice <sip:alice@atlanta.com>;tag=1928301774\r\n"
      "Call-ID: a84b4c76e66710@pc33.atlanta.com\r\n"
      "CSeq: 314159 INVITE\r\n"
      "Contact: <sip:alice@pc33.atlanta.com>\r\n"
      "Content-Type: application/sdp\r\n"
      "Content-Length: ";
  while (head.size() + 7 + sdp.size() < 570) sdp.insert(sdp.size() - 2, " 8");
  while (head.size() + 7 + sdp.size() > 570) sdp.erase(sdp.size() - 3, 1);
  auto out = head + std::to_string(sdp.size()) + "\r\n\r\n" + sdp;
  if (out.size() != 570) std::abort();
  return out;
}();

// Allocations per message, beside the time.
class heap_count {
public:
  explicit heap_count(benchmark::State& state) : state_{state}, before_{heap_allocations} {}
  ~heap_count() {
    state_.counters["allocations"] = benchmark::Counter(
        static_cast<double>(heap_allocations - before_) / static_cast<double>(state_.iterations()));
  }

private:
  benchmark::State& state_;
  std::uint64_t before_;
};

// For callgrind, which wants the same number of rounds every time.
void as_often_as_asked(benchmark::internal::Benchmark* b) {
  if (const auto* rounds = std::getenv("ROUNDS")) b->Iterations(std::atoi(rounds));
}

template <class T>
void use(const T& x) {
  benchmark::DoNotOptimize(x);
}

// ---- ours --------------------------------------------------------------------------------------

void holdfast_route(benchmark::State& state) {
  const heap_count counted{state};
  for (auto _ : state) {
    sip::message_view m;
    if (m.read(invite)) std::abort();
    use(m.method());
    use(sip::view_uri(m.request_uri())->user);
    use(sip::view_name_addr(m.first_value(sip::header_name::route))->uri.user);
    const auto via = m.top_via();
    use(via->host);
    use(via->branch);
    use(m.from_tag());
    use(m.to_tag());
    use(m.call_id());
    use(m.cseq()->number);
    use(m.max_forwards());
  }
}
BENCHMARK(holdfast_route)->Apply(as_often_as_asked);

// What the proxy does: the whole judgement on top.
void holdfast_route_checked(benchmark::State& state) {
  const heap_count counted{state};
  for (auto _ : state) {
    sip::message_view m;
    if (m.read(invite) || sip::check_message(m)) std::abort();
    use(sip::view_uri(m.request_uri())->user);
    use(sip::view_name_addr(m.first_value(sip::header_name::route))->uri.user);
    use(m.top_via()->branch);
    use(m.from_tag());
    use(m.to_tag());
    use(m.call_id());
  }
}
BENCHMARK(holdfast_route_checked)->Apply(as_often_as_asked);

void holdfast_decode(benchmark::State& state) {
  const heap_count counted{state};
  for (auto _ : state) {
    sip::message_view m;
    if (m.read(invite)) std::abort();
    use(sip::view_uri(m.request_uri())->host);
    m.each_value(sip::header_name::via, [](std::string_view v) {
      use(sip::view_via(v)->branch);
      return true;
    });
    for (const auto name : {sip::header_name::route, sip::header_name::to, sip::header_name::from,
                            sip::header_name::contact})
      m.each_value(name, [](std::string_view v) {
        use(sip::view_name_addr(v)->tag);
        return true;
      });
    use(m.call_id());
    use(m.cseq()->number);
    use(m.max_forwards());
    use(sip::view_media_type(*m.header(sip::header_name::content_type))->subtype);
    use(m.body());
  }
}
BENCHMARK(holdfast_decode)->Apply(as_often_as_asked);

void holdfast_copy(benchmark::State& state) { // a message to keep
  const heap_count counted{state};
  for (auto _ : state) use(sip::parse(invite)->fields.size());
}
BENCHMARK(holdfast_copy)->Apply(as_often_as_asked);

void holdfast_write(benchmark::State& state) {
  const auto m = sip::parse(invite).value();
  const heap_count counted{state};
  for (auto _ : state) use(sip::to_bytes(m).size());
}
BENCHMARK(holdfast_write)->Apply(as_often_as_asked);

// ---- oSIP --------------------------------------------------------------------------------------

osip_message_t* osip_parsed() {
  osip_message_t* m = nullptr;
  osip_message_init(&m);
  if (osip_message_parse(m, invite.data(), invite.size()) != 0) std::abort();
  return m;
}

// oSIP takes everything apart as it parses.
void osip_route(benchmark::State& state) {
  parser_init();
  const heap_count counted{state};
  for (auto _ : state) {
    auto* m = osip_parsed();
    osip_via_t* via = nullptr;
    osip_message_get_via(m, 0, &via);
    osip_generic_param_t* branch = nullptr;
    osip_via_param_get_byname(via, const_cast<char*>("branch"), &branch);
    osip_generic_param_t* tag = nullptr;
    osip_from_get_tag(m->from, &tag);
    osip_route_t* route = nullptr;
    osip_message_get_route(m, 0, &route);
    osip_generic_param_t* to_tag = nullptr;
    osip_to_get_tag(m->to, &to_tag);
    osip_header_t* hops = nullptr;
    osip_message_get_max_forwards(m, 0, &hops);
    use(m->sip_method);
    use(m->req_uri->username);
    use(via->host);
    use(branch->gvalue);
    use(tag->gvalue);
    use(to_tag);
    use(route->url->username);
    use(m->call_id->number);
    use(m->cseq->number);
    use(hops->hvalue);
    osip_message_free(m);
  }
}
BENCHMARK(osip_route)->Apply(as_often_as_asked);

void osip_decode(benchmark::State& state) {
  parser_init();
  const heap_count counted{state};
  for (auto _ : state) {
    auto* m = osip_parsed();
    use(m->contacts);
    osip_message_free(m);
  }
}
BENCHMARK(osip_decode)->Apply(as_often_as_asked);

void osip_write(benchmark::State& state) {
  parser_init();
  auto* m = osip_parsed();
  const heap_count counted{state};
  for (auto _ : state) {
    char* bytes = nullptr;
    std::size_t size = 0;
    osip_message_force_update(m); // or it would hand out the last result
    if (osip_message_to_str(m, &bytes, &size) != 0) std::abort();
    use(size);
    osip_free(bytes);
  }
  osip_message_free(m);
}
BENCHMARK(osip_write)->Apply(as_often_as_asked);

// ---- Sofia-SIP ---------------------------------------------------------------------------------

msg_t* sofia_parsed() {
  auto* m = msg_make(sip_default_mclass(), 0, invite.data(), static_cast<ssize_t>(invite.size()));
  if (m == nullptr || sip_object(m)->sip_error != nullptr) std::abort();
  return m;
}

void sofia_route(benchmark::State& state) {
  const heap_count counted{state};
  for (auto _ : state) {
    auto* m = sofia_parsed();
    const auto* s = sip_object(m);
    use(s->sip_request->rq_method_name);
    use(s->sip_request->rq_url->url_user);
    use(s->sip_route->r_url->url_user);
    use(s->sip_via->v_host);
    use(s->sip_via->v_branch);
    use(s->sip_from->a_tag);
    use(s->sip_to->a_tag);
    use(s->sip_call_id->i_id);
    use(s->sip_cseq->cs_seq);
    use(s->sip_max_forwards->mf_count);
    msg_destroy(m);
  }
}
BENCHMARK(sofia_route)->Apply(as_often_as_asked);

void sofia_decode(benchmark::State& state) {
  const heap_count counted{state};
  for (auto _ : state) {
    auto* m = sofia_parsed();
    use(sip_object(m)->sip_contact);
    use(sip_object(m)->sip_content_type);
    msg_destroy(m);
  }
}
BENCHMARK(sofia_decode)->Apply(as_often_as_asked);

void sofia_write(benchmark::State& state) {
  auto* m = sofia_parsed();
  su_home_t home[1] = {SU_HOME_INIT(home)};
  const heap_count counted{state};
  for (auto _ : state) {
    std::size_t size = 0;
    auto* bytes = msg_as_string(home, m, nullptr, 0, &size);
    use(size);
    su_free(home, bytes);
  }
  su_home_deinit(home);
  msg_destroy(m);
}
BENCHMARK(sofia_write)->Apply(as_often_as_asked);

} // namespace

BENCHMARK_MAIN();
