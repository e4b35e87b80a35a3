#include "actors/shard.hpp"

#include "actors/role.hpp"
#include "actors/session_actor.hpp"
#include "protocol/core/buggify.hpp"
#include "protocol/session/question.hpp"
#include "protocol/session/stateless.hpp"

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <stdexcept>

namespace holdfast::actors {

using cluster::frame_kind;

namespace {

cluster::shard_start decoded(const frame& start) {
  auto parsed = decode<cluster::shard_start>(start.bytes);
  if (!parsed) throw std::invalid_argument("shard: spawn argument: " + parsed.error().what);
  return std::move(*parsed);
}

} // namespace

shard::shard(caf::actor_config& config, const frame& start)
    : observed_actor(config), start_{decoded(start)}, log_{start_.shard, start_.epoch} {
  output_.shard = start_.shard;
  output_.epoch = start_.epoch;
}

caf::behavior shard::make_behavior() {
  container_ = caf::actor_cast<caf::actor>(home_system().registry().get(caf::atom("container")));
  if (!container_) { // this node has no containers' role: whoever spawned us was wrong
    quit(caf::exit_reason::user_shutdown);
    return {};
  }
  set_down_handler([this](caf::down_msg& down) {
    if (down.source == container_.address())
      quit(caf::exit_reason::user_shutdown);
    else
      on_session_down(down);
    flush();
  });
  monitor(container_);
  send(container_, shard_offer{caf::actor_cast<caf::actor>(this), start_});
  return {
      [this](shard_activate& with) {
        activate(with);
        become(active());
        flush();
        report_status(); // behind the keys of all sessions
      },
      [this](const shard_give_up&) { quit(caf::exit_reason::user_shutdown); },
      // From before the activation; all of it comes again or is part of it.
      [](shard_frame&) {},
      [](shard_replicas&) {},
      [](shard_peer&) {},
      [](shard_tick) {},
  };
}

caf::behavior shard::active() {
  return {
      [this](shard_message& m) {
        on_message(m.message);
        flush();
      },
      [this](session_step& step) {
        on_step(step);
        flush();
        conclude_if_parted();
      },
      [this](shard_frame& f) {
        on_frame(f);
        flush();
        conclude_if_parted();
      },
      [this](shard_due& due) {
        on_due(due);
        flush();
      },
      [this](shard_emitted& e) { left_ = e.upto; },
      [this](shard_send_failure& f) {
        const auto s = sessions_.find(f.failure.to.session);
        if (s != sessions_.end())
          deliver(s->first, s->second,
                  {session::send_failed{f.failure.branch, f.failure.unsaid}, {}});
      },
      [this](shard_ask& a) {
        on_ask(a.question);
        flush();
      },
      [this](shard_answer& a) {
        const auto s = sessions_.find(a.to.session);
        if (s != sessions_.end()) deliver(s->first, s->second, {std::move(a.what), {}});
      },
      [this](shard_replicas& r) {
        for (auto& f : log_.set_replicas(r.replicas, now())) output_.frames.push_back(std::move(f));
        release_held();
        flush();
      },
      [this](shard_peer& p) {
        for (auto& f : log_.connected(p.peer, p.up, now())) output_.frames.push_back(std::move(f));
        release_held();
        flush();
      },
      [this](shard_tick) {
        for (auto& f : log_.on_tick(now())) output_.frames.push_back(std::move(f));
        // Ten times a second is often enough: what left since is repeated by a takeover, no more.
        for (auto& f : log_.left(left_)) output_.frames.push_back(std::move(f));
        report_status();
        flush();
        conclude_if_parted();
      },
      [this](const shard_give_up& order) {
        part(order.to);
        flush();
      },
  };
}

void shard::on_exit() {
  for (auto& [id, s] : sessions_)
    if (s.actor) send_exit(s.actor, caf::exit_reason::user_shutdown);
  sessions_.clear();
  waiting_.clear();
  container_ = nullptr;
  observed_actor::on_exit();
}

// ---- activation
// -----------------------------------------------------------------------------------

void shard::activate(shard_activate& with) {
  environment_ = with.environment;
  outside_ = with.outside;
  for (auto& record : with.records) restore(record, with.resend_outbox);
  for (auto& f : log_.set_replicas(with.replicas, now())) output_.frames.push_back(std::move(f));
  for (const auto& peer : with.reachable)
    for (auto& f : log_.connected(peer, true, now())) output_.frames.push_back(std::move(f));
  release_held();
}

// A transition happens once, its output at least once: what may not have left is sent again, byte
// for byte, by us. It is adopted as a commit of this epoch, so it waits for our replicas like one.
void shard::restore(cluster::session_record& record, bool resend_outbox) {
  const auto id = record.session;
  auto keys = record.keys;
  std::vector<emission> again;
  if (resend_outbox)
    for (const auto& out : record.outbox) again.push_back(to_emission(out, id));
  auto& s = sessions_[id];
  s.restarts = record.restarts;
  s.stable = record.stable;
  s.half = record.half;
  s.seen.since = now();
  const bool rests = record.idle.has_value() && !buggify<"shard: wakes a session at once">();
  log_.adopt(std::move(record), now());
  if (rests)
    arm_alarm(id, s);
  else
    spawn_from_record(id, s);
  remember_keys(id, s, std::move(keys));
  if (!again.empty()) waiting_.push_back({log_.last(), std::move(again), {}});
}

// ---- input
// ----------------------------------------------------------------------------------------

void shard::on_message(cluster::sip_in& message) {
  auto id = message.to.session;
  if (const auto found = by_key_.find(message.key); id.value == 0 && found != by_key_.end())
    id = found->second;
  auto s = sessions_.find(id);
  if (s == sessions_.end()) {
    const bool half = session::is_half_a_call(*environment_, {start_.shard, id}, message.bytes);
    if (!message.may_create && !half) {
      orphan(message);
      return;
    }
    if (id.value == 0) id = session_id{outside_->random()};
    s = sessions_.try_emplace(id).first;
    start_session(id, s->second);
    ++output_.started;
    s->second.half = half;
    if (!half) remember_keys(id, s->second, {message.key});
  } else if (s->second.half && !message.bytes.starts_with("SIP/2.0")) {
    orphan(message); // the call that it once was is lost; it only ends what is left of it
    return;
  }
  std::optional<receipt> from;
  if (message.receipt != 0) from = receipt{message.proxy, message.receipt};
  deliver(id, s->second,
          {session::received{std::move(message.bytes), message.source, message.proxy}, from});
}

void shard::deliver(session_id id, slot& s, session_input input) {
  if (s.unfinished.size() >= unfinished_max) {
    spdlog::warn("session {:016x} of shard {}: {} inputs wait, one more is dropped", id.value,
                 start_.shard.value, s.unfinished.size());
    return;
  }
  input.number = ++s.seen.inputs;
  input.delivered = now();
  if (s.unfinished.empty()) s.waiting_since = input.delivered;
  if (const auto* in = std::get_if<session::received>(&input.what))
    note_sip(s, true, in->source, in->bytes, input.delivered);
  if (!s.actor) spawn_from_record(id, s);
  send(s.actor, input);
  s.unfinished.push_back(std::move(input));
}

void shard::orphan(const cluster::sip_in& message) {
  const auto effects = session::on_orphan(*environment_, {start_.shard, message.to.session},
                                          message.bytes, message.source);
  for (const auto& e : effects)
    if (const auto* out = std::get_if<session::send>(&e))
      output_.emissions.push_back(
          emit_sip{{start_.shard, start_.epoch, {}, {}, out->destination, out->bytes},
                   out->proxy.empty() ? message.proxy : out->proxy,
                   std::nullopt});
  if (message.receipt != 0)
    output_.emissions.push_back(emit_handled{{message.proxy, message.receipt}});
}

void shard::on_ask(cluster::ask& question) {
  const auto named = session::session_named_by(question.key, environment_->tokens);
  const auto found = by_key_.find(question.key);
  const auto s = named                    ? sessions_.find(named->session)
                 : found == by_key_.end() ? sessions_.end()
                                          : sessions_.find(found->second);
  if (s == sessions_.end() || s->second.ending) {
    output_.emissions.push_back(
        emit_answer{{question.from, question.id, false, {}}, question.from_node});
    return;
  }
  auto bytes = std::move(question.bytes);
  question.bytes.clear();
  deliver(s->first, s->second, {session::asked{std::move(bytes), encode(question)}, {}});
}

void shard::on_due(const shard_due& due) {
  if (parting_) return; // its successor has the time that remains
  for (const auto& item : due.sessions) {
    const auto s = sessions_.find(item.session);
    if (s == sessions_.end() || s->second.generation != item.generation)
      continue; // moved or cancelled
    s->second.deadline.reset();
    if (s->second.actor)
      deliver(s->first, s->second, {session::deadline{}, {}});
    else
      spawn_from_record(s->first, s->second); // what is due by then, it says itself
  }
}

void shard::on_frame(const shard_frame& f) {
  if (f.kind == frame_kind::commit_ack) {
    const auto ack = decode<cluster::commit_ack>(f.bytes);
    if (!ack) return;
    auto more = log_.on_ack(f.peer, *ack, now());
    if (!more) {
      spdlog::warn("shard {} epoch {}: {}: {}", start_.shard.value, start_.epoch.value, f.peer,
                   more.error().what);
      send(container_, shard_gone{start_.shard, start_.epoch});
      quit(caf::exit_reason::user_shutdown);
      return;
    }
    for (auto& frame_out : *more) output_.frames.push_back(std::move(frame_out));
  } else if (f.kind == frame_kind::audit_reply) {
    const auto reply = decode<cluster::audit_reply>(f.bytes);
    if (!reply) return;
    for (auto& frame_out : log_.on_audit_reply(f.peer, *reply, now()))
      output_.frames.push_back(std::move(frame_out));
  } else if (f.kind == frame_kind::stream_resume) {
    const auto resume = decode<cluster::stream_resume>(f.bytes);
    if (!resume) return;
    for (auto& frame_out : log_.on_resume(f.peer, *resume, now()))
      output_.frames.push_back(std::move(frame_out));
  }
  release_held();
}

// ---- what sessions want
// -----------------------------------------------------------------------------

void shard::on_step(session_step& step) {
  const auto found = sessions_.find(step.session);
  if (found == sessions_.end()) return;
  auto& s = found->second;
  std::optional<receipt> handled;
  if (!step.started && !s.unfinished.empty()) {
    handled = s.unfinished.front().from;
    note_step(s, s.unfinished.front(), step);
    s.unfinished.erase(s.unfinished.begin());
    s.waiting_since = now();
  }
  if (!step.parted) s.seen.dialogs = step.dialogs;
  if (step.about) {
    s.seen.about = std::move(*step.about);
    s.seen.application = std::move(step.application);
  }
  if (step.parted) return on_parted(step, s);
  if (s.ending) return;
  s.stable = step.stable;
  load_.transactions += step.open_transactions - s.transactions;
  load_.work += step.work - s.work;
  s.transactions = step.open_transactions;
  s.work = step.work;
  arm(step.session, s, step.deadline);

  // Until the last commit of a session is held, everything it says queues behind it: a repetition
  // by timer depends on that commit as much as the original.
  const bool behind = s.committed > log_.held();
  const bool rests = step.rests && s.unfinished.empty() && !parting_ && !s.quarantined;
  const bool commits = step.snapshot.has_value();
  if (!step.started || commits) s.changed = !commits;
  bool ended = false;
  std::vector<cluster::outbox_entry> outbox;
  std::vector<emission> dependent;
  for (auto& e : step.effects) {
    if (auto* out = std::get_if<session::send>(&e)) {
      note_sip(s, false, out->destination, out->bytes,
               step.began + std::max(step.took, duration{}));
      cluster::outbox_entry entry{
          {}, out->destination, std::move(out->bytes), out->branch, out->proxy};
      auto emitted = to_emission(entry, step.session);
      if (out->perishable) emitted.until = now() + session::perishable_after;
      if (parting_) {
        s.unsaid.push_back(std::move(entry));
      } else if (out->dependent && commits) {
        if (!out->perishable) outbox.push_back(std::move(entry));
        dependent.push_back(std::move(emitted));
      } else if (behind) {
        dependent.push_back(std::move(emitted));
      } else {
        output_.emissions.push_back(std::move(emitted));
      }
    } else if (auto* question = std::get_if<session::ask>(&e)) {
      cluster::ask asked{{}, question->key, {start_.shard, step.session},
                         {}, question->id,  std::move(question->bytes)};
      output_.emissions.push_back(emit_ask{std::move(asked), question->timeout});
    } else if (auto* reply = std::get_if<session::answer>(&e)) {
      const auto to = decode<cluster::ask>(reply->reply_to);
      if (!to) continue;
      emit_answer answered{{to->from, to->id, true, std::move(reply->bytes)}, to->from_node};
      if (commits || behind)
        dependent.push_back(std::move(answered));
      else
        output_.emissions.push_back(std::move(answered));
    } else if (std::holds_alternative<session::ended>(e)) {
      ended = true;
    }
  }
  if (handled && (commits || ended || behind))
    dependent.push_back(emit_handled{*handled});
  else if (handled)
    output_.emissions.push_back(emit_handled{*handled});
  if (commits || ended)
    commit_step(step, s, std::move(outbox), std::move(dependent), ended);
  else if (!dependent.empty())
    wait_for(s.committed, std::move(dependent));
  if (rests && !ended) rest(step.session, s);
}

void shard::commit_step(session_step& step, slot& s, std::vector<cluster::outbox_entry> outbox,
                        std::vector<emission> dependent, bool ended) {
  if (!step.keys.empty()) remember_keys(step.session, s, step.keys);
  s.changed = false;
  const bool known_to_replicas = log_.find(step.session) != nullptr;
  s.ending = ended;
  if (ended && !known_to_replicas && dependent.empty()) {
    forget(step.session);
    return;
  }
  cluster::session_record record;
  record.session = step.session;
  record.removed = ended;
  record.stable = s.stable;
  record.restarts = s.restarts;
  record.half = s.half;
  if (!ended) {
    record.state = std::move(*step.snapshot);
    record.idle = step.idle;
    record.keys = s.keys;
  }
  record.outbox = std::move(outbox);
  const auto seq = log_.submit(std::move(record), now(), output_.frames);
  s.committed = seq;
  waiting_.push_back(
      {seq, std::move(dependent), ended ? std::optional{step.session} : std::nullopt});
  release_held();
}

void shard::wait_for(sequence commit, std::vector<emission> emissions) {
  auto place = std::upper_bound(waiting_.begin(), waiting_.end(), commit,
                                [](sequence seq, const waiting& w) { return seq < w.after; });
  waiting_.insert(place, {commit, std::move(emissions), std::nullopt});
}

void shard::remember_keys(session_id id, slot& s, std::vector<std::string> keys) {
  for (const auto& key : s.keys)
    if (const auto k = by_key_.find(key); k != by_key_.end() && k->second == id) by_key_.erase(k);
  s.keys = std::move(keys);
  for (const auto& key : s.keys) {
    by_key_[key] = id;
    output_.new_keys.emplace_back(key, id);
  }
}

void shard::arm(session_id id, slot& s, std::optional<instant> deadline) {
  if (deadline == s.deadline) return;
  s.deadline = deadline;
  s.generation = ++generation_;
  if (deadline) output_.deadlines.push_back({id, *deadline, s.generation});
}

void shard::release_held() {
  const auto held = log_.held();
  while (!waiting_.empty() && waiting_.front().after <= held) {
    auto& w = waiting_.front();
    output_.emissions.insert(output_.emissions.end(), std::make_move_iterator(w.emissions.begin()),
                             std::make_move_iterator(w.emissions.end()));
    const auto ended = w.ended;
    waiting_.pop_front();
    if (ended) forget(*ended);
  }
  output_.held = held;
}

// ---- supervision
// ------------------------------------------------------------------------------------

void shard::on_session_down(const caf::down_msg& down) {
  const auto who = actors_.find(down.source);
  if (who == actors_.end()) return;
  const auto id = who->second;
  actors_.erase(who);
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  auto& s = found->second;
  if (s.last_restart && now() - *s.last_restart > restart_memory) s.restarts = 0;
  s.last_restart = now();
  ++s.restarts;
  ++restarts_;
  note_death(id, s, down.reason);
  spdlog::error("session {:016x} of shard {} ended by {}; restart {}", id.value, start_.shard.value,
                home_system().render(down.reason), s.restarts);
  if (s.quarantined) {
    bury(id);
    return;
  }
  spawn_from_record(id, s);
  if (s.restarts > restarts_max) {
    s.quarantined = true;
    ++quarantined_;
    spdlog::error("session {:016x} of shard {} is quarantined", id.value, start_.shard.value);
    send(s.actor, session_quarantine{});
  }
  for (const auto& input : s.unfinished) send(s.actor, input);
  if (parting_ && parting_->missing.contains(id)) send(s.actor, session_part{});
}

// Not even quarantine helped: its snapshot can not be restored. It ends alone.
void shard::bury(session_id id) {
  spdlog::error("session {:016x} of shard {} is lost: its state can not be restored", id.value,
                start_.shard.value);
  cluster::session_record record;
  record.session = id;
  record.removed = true;
  (void)log_.submit(std::move(record), now(), output_.frames);
  forget(id);
}

void shard::forget(session_id id) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  auto& s = found->second;
  for (const auto& key : s.keys) {
    output_.ended_keys.push_back(key);
    if (const auto k = by_key_.find(key); k != by_key_.end() && k->second == id) by_key_.erase(k);
  }
  load_.transactions -= s.transactions;
  load_.work -= s.work;
  if (parting_) parting_->missing.erase(id);
  dismiss(s);
  sessions_.erase(found);
}

void shard::report_status() {
  load_.sessions = static_cast<std::uint32_t>(sessions_.size());
  shard_status status{start_.shard, start_.epoch, load_,         log_.synced(), log_.lag(),
                      restarts_,    quarantined_, log_.audits(), log_.repairs()};
  send(container_, std::move(status));
}

// ---- output
// -----------------------------------------------------------------------------------------

emit_sip shard::to_emission(const cluster::outbox_entry& out, session_id from) const {
  return {
      {start_.shard, start_.epoch, {start_.shard, from}, out.branch, out.destination, out.bytes},
      out.proxy};
}

void shard::flush() {
  if (!container_) return;
  auto guards = log_.guards();
  const bool news = !output_.frames.empty() || !output_.emissions.empty()
                    || !output_.deadlines.empty() || !output_.new_keys.empty()
                    || !output_.ended_keys.empty() || guards != output_.guards;
  if (!news) return;
  output_.guards = guards;
  shard_output next;
  next.shard = start_.shard;
  next.epoch = start_.epoch;
  next.held = output_.held;
  load_.sessions = static_cast<std::uint32_t>(sessions_.size());
  output_.load = load_;
  next.guards = std::move(guards);
  std::swap(next, output_);
  send(container_, std::move(next));
}

} // namespace holdfast::actors
