#include "protocol/cluster/coordinator.hpp"

#include "protocol/core/buggify.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::cluster {

namespace {

// Reports and spawn results come many a second; what follows from them can wait for the next tick.
template <class Event>
constexpr bool waits_for_tick =
    std::is_same_v<
        Event,
        control::
            reported> || std::is_same_v<Event, control::spawn_result> || std::is_same_v<Event, control::link_up> || std::is_same_v<Event, control::link_lost>;

std::string milliseconds(duration d) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(d).count()) + " ms";
}

} // namespace

coordinator::coordinator(std::string self, settings wanted)
    : self_{std::move(self)}, wanted_{std::move(wanted)}, candidacy_{self_} {
  record_.cluster_settings = wanted_;
}

control::effects coordinator::on(const control::event& what, instant now) {
  now_ = now;
  out_.clear();
  std::visit(
      [this](const auto& e) {
        handle(e);
        if constexpr (!waits_for_tick<std::decay_t<decltype(e)>>) {
          look_for_dead();
          consider_standing();
          if (stands()) {
            look_for_suspects();
            pursue_fencing();
          }
          if (decides()) propose_if_needed();
        }
      },
      what);
  return std::move(out_);
}

void coordinator::handle(const control::tick&) {
  const auto late = record_.cluster_settings.heartbeat_interval * late_tick_intervals;
  const bool slept = ticked_ && now_ - last_tick_ > late;
  sometimes<"coordinator: slept">(slept);
  if (slept || (ticked_ && buggify<"coordinator: thinks that it slept">())) wake_up_late();
  ticked_ = true;
  last_tick_ = now_;
  if (!loaded_ && !loading_ && now_ >= load_again_) order_load();
  if (!loaded_ || !stands()) return;
  if (!outstanding_ && !loading_ && now_ - checked_ >= ledger_check) order_load();
  look_for_absent();
  auto overdue = truth_.overdue(record_.now_valid, record_.cluster_settings.activation_grace, now_);
  for (auto& [node, orders] : overdue)
    if (linked(node.name)) out_.push_back(control::spawn{node, std::move(orders)});
  note_ready();
  note_drained();
}

// We know nothing of the time we slept; everybody gets a full window again.
void coordinator::wake_up_late() {
  const auto slept = now_ - last_tick_;
  give_a_full_window();
  watching_since_ += slept;
  for (auto& [who, f] : fencing_) f.since += slept;
  candidacy_.on_late_tick(now_);
  say(false, "the coordinator was not running for " + milliseconds(slept) + "; it believes no "
                 + "suspicion of that time");
}

void coordinator::order_load() {
  loading_ = true;
  checked_ = now_;
  out_.push_back(control::load_ledger{});
}

void coordinator::handle(const control::ledger_state& e) {
  if (!loading_) return;
  loading_ = false;
  auto failure = e.error;
  ledger_record loaded;
  if (failure.empty() && e.bytes) {
    auto read = decode<ledger_record>(*e.bytes);
    if (read)
      loaded = std::move(*read);
    else
      failure = read.error().what;
  }
  note_ledger(failure);
  if (!failure.empty()) {
    // An unreadable ledger is not an empty one: to start afresh would throw living calls away.
    load_again_ = now_ + ledger_retry;
    return;
  }
  if (loaded_ && (outstanding_ || loaded.number == record_.number) && stands()) return; // a check
  if (loaded.number == 0) loaded.cluster_settings = wanted_;
  adopt(std::move(loaded));
}

void coordinator::adopt(ledger_record loaded) {
  const auto before = record_.now_valid;
  outstanding_.reset();
  must_write_ = take_newer(before, loaded);
  record_ = std::move(loaded);
  auto& v = record_.now_valid;
  if (v.shards.empty()) v.shards.resize(record_.cluster_settings.shard_count);
  loaded_ = true;
  claiming_ = false;
  shards_.forget_moves();
  const bool stood = stands();
  candidacy_.on_view(v, now_);
  if (!std::exchange(started_, true)) {
    if (const auto why = difference(wanted_, record_.cluster_settings))
      say(true, "the ledger's settings are valid, not those of this node's file: " + *why);
    truth_.on_start(v, now_);
  } else {
    truth_.on_view(before, v, now_);
    forget_settled(); // what we wrote may be in it although we were told that it is not
    if (stands() && v.number > before.number) announce(before);
  }
  if (candidacy_.may_claim(now_))
    claim();
  else if (!stands())
    stand_by();
  if (stood && !stands()) say(true, "this coordinator was taken over; it stands by");
  const auto waiting = joins_;
  for (const auto& [name, request] : waiting) review(request);
}

// What was in force is not in the ledger: it was lost, or is an old one. True: `into` has it again,
// and is to be written.
bool coordinator::take_newer(const view& known, ledger_record& into) {
  if (known.number <= into.now_valid.number
      || known.shards.size() != into.cluster_settings.shard_count)
    return false;
  say(true, "the ledger was behind: it knows view " + std::to_string(into.now_valid.number.value)
                + ", and in force is " + std::to_string(known.number.value));
  into.now_valid = known;
  for (const auto& m : known.members) {
    auto& last = into.incarnations[m.card.name];
    last = std::max(last, m.incarnation);
  }
  return true;
}

// Members of a view that we did not make ourselves are alive until the opposite is certain, or
// until we have watched for long enough.
void coordinator::start_watching() {
  watching_since_ = now_;
  absent_.clear();
  for (const auto& m : record_.now_valid.members) {
    const auto here = joins_.find(m.card.name);
    const bool came = here != joins_.end() && here->second.card.boot == m.card.boot;
    // Of coordinators nothing depends on whether they come back.
    if (m.alive() && m.card.serves != role::coordinator && !came) absent_.insert(m.id());
  }
  give_a_full_window();
  truth_.on_start(record_.now_valid, now_);
}

void coordinator::handle(const control::ledger_result& e) {
  if (!outstanding_ || e.number != outstanding_->next.number) return;
  if (e.written) {
    accept_written();
    return;
  }
  sometimes<"coordinator: a view was not written">();
  say(false, "view " + std::to_string(outstanding_->next.now_valid.number.value)
                 + " was not written: " + (e.error.empty() ? "another was first" : e.error));
  outstanding_.reset();
  claiming_ = false;
  loaded_ = false;
  order_load();
}

void coordinator::accept_written() {
  const auto before = std::move(record_.now_valid);
  auto p = std::move(*outstanding_);
  outstanding_.reset();
  must_write_ = false;
  record_ = std::move(p.next);
  claiming_ = false;
  candidacy_.on_view(record_.now_valid, now_);
  note_ledger({});
  if (p.news.promoted > 0) takeover_ = takeover{p.since, p.ordered, now_};
  truth_.on_view(before, record_.now_valid, now_);
  announce(before);
  tell(p);
  forget_settled();
}

// The view is the order; remote spawn is its execution.
void coordinator::announce(const view& before) {
  const auto& v = record_.now_valid;
  out_.push_back(control::publish{v});
  std::map<node_id, std::vector<control::shard_order>> orders;
  for (std::size_t i = 0; i < v.shards.size(); ++i) {
    const auto& entry = v.shards[i];
    const bool known = i < before.shards.size() && before.shards[i].epoch == entry.epoch;
    if (known || !v.alive(entry.owner)) continue;
    orders[entry.owner].push_back({shard_id{static_cast<std::uint16_t>(i)}, entry.epoch});
  }
  for (auto& [node, shards] : orders) {
    if (buggify<"coordinator: a spawn is lost">()) continue;
    if (buggify<"coordinator: spawns twice">()) out_.push_back(control::spawn{node, shards});
    out_.push_back(control::spawn{node, std::move(shards)});
  }
}

// Facts that the view says by now.
void coordinator::forget_settled() {
  const auto& v = record_.now_valid;
  const auto settled = [&](const auto& item) { return !v.alive(item.first); };
  for (const auto& [who, why] : dead_)
    if (!v.alive(who)) truth_.forget(who);
  for (const auto& [who, f] : fencing_)
    if (!v.alive(who)) suspicions_.forget(who);
  suspicions_.forget_dead(v);
  std::erase_if(dead_, settled);
  std::erase_if(fencing_, settled);
  std::erase_if(absent_, [&](const node_id& who) { return !v.alive(who); });
  std::erase_if(spared_, [&](const node_id& who) { return !v.alive(who); });
}

void coordinator::handle(const control::joined& e) {
  const auto& card = e.request.card;
  if (card.name != e.link_peer) {
    out_.push_back(control::refuse{e.link_peer, "the card does not name the node of this link"});
    return;
  }
  // Its death was faster than its join.
  const auto ended = ended_.find(card.name);
  if (ended != ended_.end() && card.supervised && ended->second.first == card.pid
      && now_ - ended->second.second < dead_pid_memory)
    return;
  links_.insert(card.name);
  floor_ = std::max(floor_, e.request.highest_epoch);
  if (card.name == self_) candidacy_.on_own_boot(card.boot);
  if (another_stands() && card.name != self_) {
    // It asks us because it knows no better: the view says whom to ask.
    if (record_.now_valid.number.value > 0) out_.push_back(control::send_view{card.name});
    return;
  }
  joins_.insert_or_assign(card.name, e.request);
  if (const auto* m = record_.now_valid.find(card.name); m != nullptr && m->card.boot == card.boot)
    came_back(m->id());
  if (loaded_) review(e.request);
}

void coordinator::came_back(const node_id& who) {
  if (absent_.erase(who) == 0) return;
  const auto found = fencing_.find(who);
  if (found != fencing_.end() && !found->second.wanted && !suspicions_.ours(who))
    fencing_.erase(found);
}

// What a join leads to at once; whether it changes the view is decided with the next plan.
void coordinator::review(const join& request) {
  const auto name = request.card.name;
  auto scratch = record_;
  const auto why = reason_to_refuse(record_, request, name);
  const auto outcome = why ? join_outcome{join_outcome::kind::refused, *why, std::nullopt}
                           : apply_join(scratch, request);
  switch (outcome.what) {
  case join_outcome::kind::unchanged:
    out_.push_back(control::send_view{name});
    break;
  case join_outcome::kind::must_learn:
    out_.push_back(control::send_view{name});
    joins_.erase(name);
    break;
  case join_outcome::kind::refused:
    say(false, name + " was refused: " + outcome.why);
    out_.push_back(control::refuse{name, outcome.why});
    joins_.erase(name);
    break;
  case join_outcome::kind::admitted:
    if (request.card.serves == role::container) last_container_join_ = now_;
    break;
  case join_outcome::kind::updated:
    break;
  }
}

void coordinator::handle(const control::link_up& e) {
  links_.insert(e.name);
}
void coordinator::handle(const control::link_lost& e) {
  links_.erase(e.name);
}

void coordinator::handle(const control::reported& e) {
  if (record_.now_valid.alive(e.from)) {
    came_back(e.from);
    truth_.on_report(e.from, e.report);
  } else if (loaded_ && stands() && e.report.view < record_.now_valid.number) {
    out_.push_back(control::send_view{e.from.name}); // fenced, and does not know it
  }
}

void coordinator::handle(const control::spawn_result& e) {
  if (!e.ok) truth_.spawn_failed(e.shard);
}

void coordinator::handle(const control::view_offered& e) {
  if (!decides()) return follow(e.now_valid);
  if (!pulling_ || pulling_->first != e.from) {
    // Somebody else made it? The ledger knows.
    if (e.now_valid.number > record_.now_valid.number && loaded_ && !loading_ && !outstanding_)
      order_load();
    return;
  }
  pulling_.reset();
  if (!loaded_ || outstanding_ || e.now_valid.number <= record_.now_valid.number) return;
  if (e.now_valid.shards.size() != record_.cluster_settings.shard_count) {
    say(true, e.from + " offered view " + std::to_string(e.now_valid.number.value)
                  + " with another number of shards; it is ignored");
    return;
  }
  must_write_ = take_newer(e.now_valid, record_);
  shards_.forget_moves();
  start_watching();
  const auto waiting = joins_;
  for (const auto& [name, request] : waiting) review(request);
}

// For the operator: when every session had an owner again, and when it was held twice again.
void coordinator::note_ready() {
  const auto& v = record_.now_valid;
  bool active = true;
  for (std::uint16_t i = 0; i < v.shards.size() && active; ++i)
    active = truth_.active(v, shard_id{i});
  if (active && takeover_)
    say(false, "every shard is active again, " + milliseconds(now_ - takeover_->since)
                   + " after that was known: decision "
                   + milliseconds(takeover_->ordered - takeover_->since) + ", ledger "
                   + milliseconds(takeover_->written - takeover_->ordered)
                   + ", publication, spawn and activation "
                   + milliseconds(now_ - takeover_->written));
  else if (active && inactive_since_ && last_death_ + quiet_after_death >= *inactive_since_)
    say(false, "every shard is active again, after " + milliseconds(now_ - *inactive_since_));
  if (active) {
    inactive_since_.reset();
    takeover_.reset();
  } else if (!inactive_since_) {
    inactive_since_ = now_;
  }
  if (ready()) {
    if (not_ready_since_)
      say(false, "every shard is active and has its replicas in sync, after "
                     + milliseconds(now_ - *not_ready_since_));
    not_ready_since_.reset();
  } else if (!not_ready_since_) {
    not_ready_since_ = now_;
  }
}

bool coordinator::linked(const std::string& name) const {
  return name == self_ || links_.contains(name);
}

void coordinator::say(bool alarm, std::string text) {
  out_.push_back(control::note{alarm, std::move(text)});
}

} // namespace holdfast::cluster
