#include "runtime/basp_links.hpp"

#include "runtime/tls_scribe.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/io/basp_broker.hpp>
#include <caf/io/middleman.hpp>
#include <caf/io/scribe.hpp>
#include <caf/sec.hpp>
#include <caf/send.hpp>

#include <chrono>
#include <set>
#include <utility>

namespace holdfast::runtime {

namespace {

constexpr std::chrono::seconds connect_time_out{2};

// Lives for one connect request.
class link_opener : public caf::event_based_actor {
public:
  link_opener(caf::actor_config& config, caf::actor basp, caf::io::scribe_ptr scribe,
              std::uint16_t key, std::function<void(basp_links::outcome)> on_outcome)
      : caf::event_based_actor(config),
        basp_{std::move(basp)},
        scribe_{std::move(scribe)},
        key_{key},
        on_outcome_{std::move(on_outcome)} {}

  const char* name() const override { return "link-opener"; }

  caf::behavior make_behavior() override {
    // Without a behaviour this actor ends once the request is answered.
    request(basp_, connect_time_out, caf::connect_atom::value, std::move(scribe_), key_)
        .then([this](caf::node_id&, caf::strong_actor_ptr& remote,
                     std::set<std::string>&) { opened(remote); },
              [this](const caf::error& e) { failed(e); });
    return {};
  }

private:
  void opened(const caf::strong_actor_ptr& remote) {
    if (remote)
      on_outcome_({caf::actor_cast<caf::actor>(remote), {}, false});
    else
      on_outcome_({{}, "BASP knows no hub at the other end", false});
  }
  void failed(const caf::error& e) {
    const bool unlucky =
        e == caf::sec::connection_timeout || e == caf::sec::disconnect_during_handshake;
    on_outcome_({{}, "BASP: " + system().render(e), unlucky});
  }

  caf::actor basp_;
  caf::io::scribe_ptr scribe_;
  std::uint16_t key_;
  std::function<void(basp_links::outcome)> on_outcome_;
};

} // namespace

basp_links::basp_links(caf::actor_system& system, std::uint16_t key)
    : system_{system},
      basp_{system.middleman().named_broker<caf::io::basp_broker>(caf::atom("BASP"))},
      key_{key} {}

caf::io::scribe_ptr basp_links::scribe_of(file_descriptor connection,
                                          std::optional<tls_connection> tls) {
  if (tls) return make_tls_scribe(system_, std::move(connection), std::move(*tls));
  return system_.middleman().backend().new_scribe(connection.release());
}

void basp_links::publish(file_descriptor connection, std::optional<tls_connection> tls,
                         const caf::actor& hub) {
  auto scribe = scribe_of(std::move(connection), std::move(tls));
  caf::anon_send(basp_, caf::publish_atom::value, std::move(scribe), key_,
                 caf::actor_cast<caf::strong_actor_ptr>(hub), std::set<std::string>{});
}

void basp_links::connect(file_descriptor connection, std::optional<tls_connection> tls,
                         std::function<void(outcome)> done) {
  auto scribe = scribe_of(std::move(connection), std::move(tls));
  system_.spawn<link_opener, caf::hidden>(basp_, std::move(scribe), key_, std::move(done));
}

} // namespace holdfast::runtime
