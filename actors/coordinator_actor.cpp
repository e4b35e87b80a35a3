#include "actors/coordinator_actor.hpp"

#include <caf/all.hpp>
#include <caf/io/all.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>
#include <variant>

namespace holdfast::actors {

namespace control = cluster::control;
using cluster::frame_kind;

namespace {

constexpr auto spawn_timeout = std::chrono::seconds{5};

} // namespace

coordinator_actor::coordinator_actor(caf::actor_config& config, coordinator_options options)
    : role_actor(config),
      options_{std::move(options)},
      machine_{options_.name, options_.settings} {}

caf::behavior coordinator_actor::make_behavior() {
  options_.outside->observe_processes(caf::actor_cast<caf::actor>(this));
  every(cluster::coordinator_tick);
  on_tick(); // the ledger is asked for at once
  return caf::message_handler{
      [this](ledger_loaded& loaded) {
        feed(control::ledger_state{loaded.found ? std::optional{std::move(loaded.bytes)}
                                                : std::nullopt,
                                   std::move(loaded.error)});
      },
      [this](ledger_written& written) {
        feed(control::ledger_result{written.number, written.written, std::move(written.error)});
      },
      [this](peer_suspected& s) {
        if (s.suspected) history_.on_sign(s.peer.name, "heartbeats stopped", now());
        feed(control::peer_suspicion{{}, s.peer, s.suspected});
      },
      [this](process_ended& ended) {
        history_.on_sign(ended.name, "its process ended", now());
        feed(control::process_ended{std::move(ended.name), ended.pid});
      },
      [this](inspect_cluster& i) { i.look(machine_, events_); },
      [this](operate_cluster& o) { command(std::move(o.command), std::move(o.done)); },
  }
      .or_else(common());
}

void coordinator_actor::on_exit() {
  options_.hub = nullptr;
  role_actor::on_exit();
}

void coordinator_actor::on_view() {
  if (!(current_view().number > machine_.current().number)) return; // our own publication
  if (!machine_.stands()) history_.on_view(machine_.current(), current_view(), now());
  feed(control::view_offered{pulled_from_, current_view()});
}

void coordinator_actor::on_link(const std::string& peer, bool up) {
  if (up)
    feed(control::link_up{peer});
  else
    lost_link(peer);
}

void coordinator_actor::on_frame(const std::string& peer, frame_kind kind, std::string_view bytes) {
  if (kind == frame_kind::join) {
    with<cluster::join>(bytes, [&](cluster::join j) { feed(control::joined{std::move(j), peer}); });
  } else if (kind == frame_kind::container_report) {
    const auto* from = machine_.current().find(peer);
    if (from == nullptr) return;
    with<cluster::container_report>(bytes, [&](cluster::container_report r) {
      history_.on_report(from->id(), r, now());
      feed(control::reported{from->id(), std::move(r)});
    });
  } else if (kind == frame_kind::suspicion) {
    with<cluster::suspicion>(bytes, [&](const cluster::suspicion& s) {
      if (s.suspected) history_.on_sign(s.of.name, peer + " misses its heartbeats", now());
      feed(control::peer_suspicion{peer, s.of, s.suspected});
    });
  }
}

void coordinator_actor::lost_link(const std::string& peer) {
  history_.on_sign(peer, "its link broke", now());
  feed(control::link_lost{peer});
}

void coordinator_actor::on_tick() {
  feed(control::tick{});
}

void coordinator_actor::feed(control::event what) {
  for (const auto& order : machine_.on(what, now()))
    std::visit([this](const auto& o) { carry_out(o); }, order);
}

void coordinator_actor::carry_out(const control::load_ledger&) {
  options_.outside->ledger_load(caf::actor_cast<caf::actor>(this));
}

void coordinator_actor::carry_out(const control::write_ledger& order) {
  options_.outside->ledger_compare_and_swap(order.number, order.bytes,
                                            caf::actor_cast<caf::actor>(this));
}

void coordinator_actor::carry_out(const control::publish& order) {
  const auto bytes = encode(order.now_valid);
  for (const auto& peer : reachable()) send_to(peer, frame_kind::view, bytes);
  history_.on_view(current_view(), order.now_valid, now());
  auto next = std::make_shared<const cluster::view>(order.now_valid);
  adopt_view(next);
  send(options_.hub, view_changed{std::move(next)});
}

void coordinator_actor::carry_out(const control::send_view& order) {
  send_frame(order.to, frame_kind::view, machine_.current());
}

void coordinator_actor::carry_out(const control::refuse& order) {
  if (order.to == options_.name)
    options_.outside->fail_stop(order.why);
  else
    send_frame(order.to, frame_kind::join_refused, cluster::join_refused{order.why});
}

// The view is the order, remote spawn is its execution: asynchronous, all shards of a node at once,
// idempotent by (shard, epoch) at the other end.
void coordinator_actor::carry_out(const control::spawn& order) {
  history_.on_spawned(order.on.name, now());
  const auto node = caf_node_of(order.on.name);
  if (!node) {
    for (const auto& s : order.shards) feed(control::spawn_result{s.shard, s.epoch, false});
    return;
  }
  const auto view = encode(machine_.current());
  for (const auto& s : order.shards) {
    // The first carries the view; the others find it there.
    cluster::shard_start start{
        s.shard, s.epoch, &s == &order.shards.front() ? view : std::string{}, {}};
    frame argument{frame::current_version, 0, encode(start)};
    request(home_system().middleman().actor_handle(), spawn_timeout, caf::spawn_atom::value, *node,
            std::string{"shard"}, caf::make_message(std::move(argument)), std::set<std::string>{})
        .then(
            [this, s](const caf::strong_actor_ptr&) {
              feed(control::spawn_result{s.shard, s.epoch, true});
            },
            [this, s](const caf::error& why) {
              spdlog::warn("remote spawn of shard {}: {}", s.shard.value,
                           home_system().render(why));
              feed(control::spawn_result{s.shard, s.epoch, false});
            });
  }
}

void coordinator_actor::carry_out(const control::kill& order) {
  if (!options_.outside->kill_process(order.name, order.pid))
    feed(control::kill_impossible{order.name, order.pid});
}

void coordinator_actor::carry_out(const control::pull_view& order) {
  pulled_from_ = order.from;
  send_frame(order.from, frame_kind::view_pull, cluster::view_pull{machine_.current().number});
}

void coordinator_actor::carry_out(const control::operator_answer& order) {
  const auto found = commands_.find(order.id);
  if (found == commands_.end()) return;
  found->second(order.accepted, order.text);
  commands_.erase(found);
}

void coordinator_actor::carry_out(const control::note& order) {
  if (order.alarm)
    spdlog::warn("{}", order.text);
  else
    spdlog::info("{}", order.text);
  events_.push_back({now(), order.alarm, order.text});
  if (events_.size() > events_max) events_.pop_front();
}

void coordinator_actor::command(control::operator_command what,
                                std::function<void(bool, std::string)> told) {
  what.id = ++next_command_;
  commands_[what.id] = std::move(told);
  feed(std::move(what));
}

// ---- for operators

bool coordinator_actor::describe(const describe_yourself& question, cluster::picture& into) {
  const auto& query = *question.query;
  using what = cluster::inspect_what;
  if (query.what == what::cluster || query.what == what::history)
    into.facts.push_back(facts(query));
  if (query.what != what::operate) return true;
  control::operator_command order;
  order.verb = query.verb;
  order.node = query.text;
  order.shard = query.shard;
  command(std::move(order), [this, number = question.question,
                             as = question.answer_as](bool accepted, std::string text) {
    self_description mine{number, as, {}};
    mine.part.accepted = accepted;
    mine.part.result = std::move(text);
    give(std::move(mine));
  });
  return false;
}

cluster::cluster_facts coordinator_actor::facts(const cluster::inspect_query& query) const {
  cluster::cluster_facts x;
  x.now = now();
  x.source = options_.name;
  x.coordinator = machine_.stands();
  x.standing = machine_.standing().name;
  x.ledger_error = machine_.ledger().error;
  x.ledger_since = machine_.ledger().since;
  x.number = machine_.current().number;
  x.ready = machine_.ready();
  x.sessions_lost = machine_.current().sessions_lost;
  const auto& failovers = history_.failovers();
  const bool all = query.what == cluster::inspect_what::history;
  const auto told = std::min(failovers.size(), cluster::failovers_told_max);
  for (auto f = failovers.end() - static_cast<std::ptrdiff_t>(told); f != failovers.end(); ++f)
    x.failovers.push_back(*f);
  if (all) {
    if (query.number.value != 0) {
      if (const auto* one = history_.view_at(query.number)) x.views.push_back(*one);
      return x;
    }
    if (query.limit == 0) return x;
    for (const auto& v : history_.views()) {
      x.views.push_back(v);
      x.views.back().ring = {};
    }
    return x;
  }
  x.members = machine_.members();
  x.shards = machine_.shards();
  if (!x.ready) x.why_not_ready = cluster::why_not_ready(x);
  const auto skip = events_.size() - std::min(events_.size(), cluster::events_told_max);
  for (auto e = events_.begin() + static_cast<std::ptrdiff_t>(skip); e != events_.end(); ++e)
    x.events.push_back({e->at, e->alarm, e->text});
  return x;
}

std::string coordinator_actor::state_line() const {
  return "view " + std::to_string(machine_.current().number.value)
         + (machine_.stands() ? ", coordinates" : ", stands by")
         + (machine_.ready() ? ", ready, " : ", not ready, ") + std::to_string(events_.size())
         + " events";
}

} // namespace holdfast::actors
