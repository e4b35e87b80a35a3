#include "protocol/session/session.hpp"

#include "protocol/cluster/balance.hpp"
#include "protocol/core/buggify.hpp"
#include "protocol/session/directory_key.hpp"
#include "protocol/session/step.hpp"

#include <algorithm>

namespace holdfast::session {

namespace {

// CSeq numbers that a dialog may use up before the next snapshot. Every request in a dialog
// commits, so that more than one or two are open only while commits queue.
constexpr std::uint32_t cseq_reserve = 16;

// Of summary: whatever a client writes, a session's line stays short.
constexpr std::size_t summary_text_max = 96;
constexpr std::size_t summary_call_ids_max = 4;

std::string person(const sip::name_addr& who) {
  return to_string(sip::name_addr{who.display, who.uri, {}, false}).substr(0, summary_text_max);
}

summary about_of(const stored_state& of) {
  summary out;
  const auto add = [&out](std::string id) {
    id.resize(std::min(id.size(), summary_text_max));
    if (!id.empty() && out.call_ids.size() < summary_call_ids_max
        && std::find(out.call_ids.begin(), out.call_ids.end(), id) == out.call_ids.end())
      out.call_ids.push_back(std::move(id));
  };
  for (const auto& s : of.servers) add(s.request().call_id());
  for (const auto& d : of.dialogs) add(d.dialog.call_id);
  for (const auto& c : of.clients) add(c.request().call_id());
  if (!of.servers.empty()) {
    const auto& request = of.servers.front().request();
    if (const auto from = request.from()) out.caller = person(*from);
    if (const auto to = request.to()) out.callee = person(*to);
  } else if (!of.dialogs.empty()) {
    const auto& d = of.dialogs.front().dialog;
    const bool called = d.role == sip::dialog_role::uas;
    out.caller = called ? d.remote_uri : d.local_uri;
    out.callee = called ? d.local_uri : d.remote_uri;
  } else {
    for (const auto& key : of.keys)
      if (const auto aor = aor_of_directory_key(key)) out.callee = *aor;
  }
  return out;
}

} // namespace

struct session::state : session_state {
  using session_state::session_state;
};

session::session(std::shared_ptr<const environment> env, session_address address,
                 std::uint64_t seed, unsigned restarts)
    : state_{std::make_unique<state>(std::move(env), address, seed)} {
  state_->restarts = restarts;
}

session::session(const session& other) : state_{std::make_unique<state>(*other.state_)} {}
session::session(session&&) noexcept = default;
session& session::operator=(const session& other) {
  state_ = std::make_unique<state>(*other.state_);
  return *this;
}
session& session::operator=(session&&) noexcept = default;
session::~session() = default;

result<session> session::restore(std::shared_ptr<const environment> env, session_address address,
                                 std::string_view snapshot, duration age, instant now,
                                 std::uint64_t seed, unsigned restarts) {
  auto stored = decode<stored_state>(snapshot);
  if (!stored) return tl::make_unexpected(stored.error());
  session restored{std::move(env), address, seed};
  auto& s = *restored.state_;
  static_cast<stored_state&>(s) = std::move(*stored);
  s.restarts = std::max(s.restarts, restarts);
  s.due = deadlines::restore(s.timers, age, now);
  if (planted<"timers-are-forgotten-on-restore">()) s.due = {};
  if (!s.application_name.empty() && !s.quarantined) {
    auto app = restore_application(*s.env, s.application_name, s.settings, s.application);
    if (!app) return tl::make_unexpected(app.error());
    s.app = std::move(*app);
  }
  s.timers.clear();
  s.application.clear();
  for (auto& d : s.dialogs) d.dialog.restart_at_ceiling();
  if (planted<"restored-dialog-repeats-its-cseq">())
    for (auto& d : s.dialogs) d.dialog.local_cseq = 0;
  if (planted<"restored-dialog-loses-its-target">())
    for (auto& d : s.dialogs) d.dialog.remote_target = "sip:nobody@203.0.113.99";
  if (planted<"restored-dialog-swaps-its-tags">())
    for (auto& d : s.dialogs) d.dialog.local_tag += "x";
  return restored;
}

std::vector<effect> session::on(const event& what, instant now) {
  step taken{*state_, now};
  std::visit([&](const auto& e) { taken.take(e); }, what);
  return taken.finish();
}

std::vector<effect> session::quarantine(instant now) {
  step taken{*state_, now};
  taken.quarantine();
  return taken.finish();
}

// When its last nonce expires it can rest.
std::optional<instant> session::next_deadline() const {
  const auto due = state_->due.next();
  const auto nonces = state_->nonces.needed_until();
  return due && nonces ? std::min(*due, *nonces) : due ? due : nonces;
}

std::string session::snapshot(instant now) const {
  stored_state stored = *state_;
  stored.timers = state_->due.remaining(now);
  if (state_->app) stored.application = state_->app->snapshot();
  for (auto& d : stored.dialogs) d.dialog.reserve(cseq_reserve);
  return encode(stored);
}

std::optional<duration> session::idle(instant now) const {
  const bool busy = !state_->questions.empty() || state_->quarantined
                    || std::any_of(state_->servers.begin(), state_->servers.end(),
                                   [](const auto& r) { return r.in_progress(); })
                    || std::any_of(state_->clients.begin(), state_->clients.end(),
                                   [](const auto& r) { return r.in_progress(); });
  if (busy) return std::nullopt;
  auto until = state_->due.next_of_its_own();
  if (!until && state_->dialogs.empty()) until = state_->due.next(); // its end
  return until ? std::clamp(duration{*until - now}, duration{0}, idle_max) : idle_max;
}

bool session::can_rest(instant now) const {
  if (!state_->servers.empty() || !state_->clients.empty() || state_->nonces.needed_until())
    return false;
  const auto next = state_->due.next();
  const auto of_its_own = state_->due.next_of_its_own();
  const bool stays = of_its_own || !state_->dialogs.empty();
  return stays && next == of_its_own && idle(now).value_or(duration{0}) >= rest_min;
}

std::vector<std::string> session::keys() const {
  return state_->keys;
}

std::string session::application() const {
  return state_->application_name.empty() ? "none" : state_->application_name;
}

bool session::stable() const {
  return state_->due.any(timer_kind::expiry)
         || std::any_of(state_->dialogs.begin(), state_->dialogs.end(), [](const auto& d) {
              return d.dialog.state == sip::dialog_state::confirmed;
            });
}

std::uint32_t session::open_transactions() const {
  const auto open = [](const auto& r) { return !r.answered; };
  const auto servers = std::count_if(state_->servers.begin(), state_->servers.end(), open);
  const auto clients = std::count_if(state_->clients.begin(), state_->clients.end(), open);
  return static_cast<std::uint32_t>(servers + clients);
}

std::uint32_t session::work() const {
  std::uint32_t sum = 0;
  const auto add = [&sum](const auto& r) {
    if (!r.answered) sum += r.invite ? cluster::invite_work : cluster::other_work;
  };
  std::for_each(state_->servers.begin(), state_->servers.end(), add);
  std::for_each(state_->clients.begin(), state_->clients.end(), add);
  return sum;
}

std::size_t session::dialogs() const {
  return state_->dialogs.size();
}

summary session::about() const {
  return about_of(*state_);
}

std::optional<session::sketch> session::sketch_of(std::string_view snapshot) {
  const auto stored = decode<stored_state>(snapshot);
  if (!stored) return std::nullopt;
  return sketch{stored->application_name, about_of(*stored)};
}

} // namespace holdfast::session
