#include "runtime/exercise/transactions.hpp"

#include "protocol/sip/transport_rules.hpp"
#include "protocol/sip/writer.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

namespace holdfast::exercise {

namespace {

template <class Machine>
constexpr bool is_client =
    std::is_same_v<
        Machine,
        sip::
            invite_client_transaction> || std::is_same_v<Machine, sip::non_invite_client_transaction>;
template <class Machine>
constexpr bool is_server =
    std::is_same_v<
        Machine,
        sip::
            invite_server_transaction> || std::is_same_v<Machine, sip::non_invite_server_transaction>;

} // namespace

transactions::slot& transactions::add(machine m, sip::transaction_key key, const flow& to) {
  slots_.push_back(slot{++last_number_, std::move(key), std::move(m), to, {}});
  return slots_.back();
}

transactions::slot* transactions::find(std::uint32_t number) {
  const auto it =
      std::find_if(slots_.begin(), slots_.end(), [&](const slot& s) { return s.number == number; });
  return it == slots_.end() ? nullptr : &*it;
}

std::uint32_t transactions::send(const sip::message& request, const flow& to, instant now,
                                 step& out) {
  auto key = sip::client_key(request).value_or(sip::transaction_key{});
  machine m = request.is("INVITE")
                  ? machine{sip::invite_client_transaction{request, reliable_, timers_}}
                  : machine{sip::non_invite_client_transaction{request, reliable_, timers_}};
  const auto number = add(std::move(m), std::move(key), to).number;
  drive(number, sip::start{}, now, out, nullptr);
  return number;
}

void transactions::respond(std::uint32_t transaction, const sip::message& response, instant now,
                           step& out) {
  const auto* s = find(transaction);
  if (s == nullptr) return;
  const auto to = s->to;
  const bool invite = std::holds_alternative<sip::invite_server_transaction>(s->what);
  drive(transaction, sip::from_user{response}, now, out, nullptr);
  if (!invite || response.status < 200 || response.status > 299) return;
  const auto number =
      add(sip::two_hundred_retransmitter{response, timers_}, sip::transaction_key{}, to).number;
  const auto sent = out.sends.size();
  drive(number, sip::start{}, now, out, nullptr);
  out.sends.resize(sent); // the server transaction has just sent the first copy
}

void transactions::acknowledge(const sip::message& ack, const flow& to, instant now, step& out) {
  const auto number = add(sip::ack_repeater{ack, timers_}, sip::transaction_key{}, to).number;
  drive(number, sip::start{}, now, out, nullptr);
}

bool transactions::receive(const sip::message& m, const flow& source, instant now, step& out,
                           std::vector<news>& up) {
  if (m.is_response()) return receive_response(m, now, out, up);
  if (m.is("ACK")) return receive_ack(m, now, out, up);
  const auto key = sip::server_key(m);
  if (!key) return false;
  for (auto& s : slots_) {
    if (s.key != *key) continue;
    s.to = sip::way_back(m, source); // perhaps over another connection
    drive(s.number, sip::from_network{m}, now, out, &up);
    return true;
  }
  machine made =
      m.is("INVITE")
          ? machine{sip::invite_server_transaction{m, reliable_, timers_}}
          // Without RFC 3261's timer J of zero: the far end may have lost its connection.
          : machine{sip::non_invite_server_transaction{m, false, timers_}};
  const auto number = add(std::move(made), *key, sip::way_back(m, source)).number;
  drive(number, sip::start{}, now, out, &up);
  return true;
}

// RFC 3261 17.1.1.3, 13.2.2.4: with the INVITE's branch it ends a non-2xx; otherwise, by CSeq, a
// 2xx.
bool transactions::receive_ack(const sip::message& ack, instant now, step& out,
                               std::vector<news>& up) {
  const auto number = ack.cseq();
  for (const auto& s : slots_) {
    const auto* repeated = std::get_if<sip::two_hundred_retransmitter>(&s.what);
    if (repeated == nullptr || !number || repeated->cseq_number() != number->number) continue;
    const auto which = s.number;
    drive(which, sip::from_network{ack}, now, out, &up);
    up.push_back({news::kind::message, which, ack});
    return true;
  }
  const auto key = sip::server_key(ack);
  for (const auto& s : slots_) {
    if (!key || s.key != *key) continue;
    drive(s.number, sip::from_network{ack}, now, out, &up);
    return true;
  }
  return false;
}

bool transactions::receive_response(const sip::message& m, instant now, step& out,
                                    std::vector<news>& up) {
  const auto key = sip::client_key(m);
  if (!key) return false;
  for (const auto& s : slots_) {
    const auto* repeater = std::get_if<sip::ack_repeater>(&s.what);
    if (repeater == nullptr || !repeater->matches(m)) continue;
    drive(s.number, sip::from_network{m}, now, out, &up);
    return true;
  }
  for (const auto& s : slots_) {
    if (s.key != *key) continue;
    drive(s.number, sip::from_network{m}, now, out, &up);
    return true;
  }
  return false;
}

void transactions::on_alarm(const alarm& a, instant now, step& out, std::vector<news>& up) {
  const auto* s = find(a.subject);
  if (s == nullptr || a.what >= s->generations.size()) return;
  if (s->generations[a.what] != a.generation) return;
  drive(a.subject, sip::timer_fired{static_cast<sip::timer_name>(a.what)}, now, out, &up);
}

std::optional<std::uint32_t> transactions::cancelled_by(const sip::message& cancel) const {
  const auto key = sip::cancelled_key(cancel);
  if (!key) return std::nullopt;
  for (const auto& s : slots_) {
    const auto* invite = std::get_if<sip::invite_server_transaction>(&s.what);
    if (invite != nullptr && s.key == *key
        && invite->state() == sip::invite_server_transaction::state_type::proceeding)
      return s.number;
  }
  return std::nullopt;
}

const sip::message* transactions::request_of(std::uint32_t transaction) const {
  for (const auto& s : slots_) {
    if (s.number != transaction) continue;
    return std::visit(
        [](const auto& m) -> const sip::message* {
          using type = std::decay_t<decltype(m)>;
          if constexpr (is_client<type> || is_server<type>)
            return &m.request();
          else
            return nullptr;
        },
        s.what);
  }
  return nullptr;
}

// Machines take different events; what one does not know it is never sent.
template <class Event>
void transactions::drive(std::uint32_t number, const Event& e, instant now, step& out,
                         std::vector<news>* up) {
  auto* s = find(number);
  if (s == nullptr) return;
  auto effects = std::visit(
      [&](auto& m) -> sip::transaction_effects {
        using type = std::decay_t<decltype(m)>;
        constexpr bool from_user = std::is_same_v<Event, sip::from_user>;
        if constexpr (from_user && !is_server<type>)
          return {};
        else
          return m.on(e, now);
      },
      s->what);
  carry_out(number, std::move(effects), now, out, up);
}

// A server transaction that waits in vain for the ACK to its failure is of no interest.
void transactions::report_timeout(const slot& s, std::vector<news>& up) {
  if (std::holds_alternative<sip::two_hundred_retransmitter>(s.what)) {
    up.push_back({news::kind::unacknowledged, s.number, {}});
  } else if (std::holds_alternative<sip::invite_client_transaction>(s.what)
             || std::holds_alternative<sip::non_invite_client_transaction>(s.what)) {
    up.push_back({news::kind::timed_out, s.number, *request_of(s.number)});
  }
}

void transactions::carry_out(std::uint32_t number, sip::transaction_effects effects, instant now,
                             step& out, std::vector<news>* up) {
  auto* s = find(number);
  for (auto& effect : effects) {
    if (auto* send = std::get_if<sip::transmit>(&effect)) {
      out.sends.push_back({s->to, std::move(send->bytes)});
    } else if (auto* passed = std::get_if<sip::pass_up>(&effect)) {
      if (up != nullptr) up->push_back({news::kind::message, number, std::move(passed->received)});
    } else if (const auto* start = std::get_if<sip::start_timer>(&effect)) {
      const auto which = static_cast<std::uint8_t>(start->timer);
      out.alarms.push_back({now + start->after, number, which, ++s->generations[which]});
    } else if (const auto* stop = std::get_if<sip::stop_timer>(&effect)) {
      ++s->generations[static_cast<std::size_t>(stop->timer)];
    } else if (std::holds_alternative<sip::timed_out>(effect)) {
      if (up != nullptr) report_timeout(*s, *up);
    } else if (std::holds_alternative<sip::transport_error>(effect)) {
      // A datagram that could not be sent is a lost one; timers see to it.
    } else {
      std::erase_if(slots_, [&](const slot& x) { return x.number == number; });
      return;
    }
  }
}

} // namespace holdfast::exercise
