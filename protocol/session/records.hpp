// What a session keeps per transaction and per dialog, in the form that goes into a snapshot. The
// rules of SIP are in the state machines these hold; what is added is who they belong to.
#pragma once

#include "protocol/applications/application.hpp"
#include "protocol/core/codec.hpp"
#include "protocol/sip/dialog.hpp"
#include "protocol/sip/invite_client_transaction.hpp"
#include "protocol/sip/invite_server_transaction.hpp"
#include "protocol/sip/invite_success.hpp"
#include "protocol/sip/non_invite_client_transaction.hpp"
#include "protocol/sip/non_invite_server_transaction.hpp"
#include "protocol/sip/offer_answer.hpp"
#include "protocol/sip/reliable_provisional.hpp"
#include "protocol/sip/transaction_key.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::session {

using applications::dialog_id;
using applications::transaction_id;

// A request that came in. Exactly one of the two machines is there.
struct server_record {
  transaction_id id;
  sip::transaction_key key;
  std::optional<sip::invite_server_transaction> invite;
  std::optional<sip::non_invite_server_transaction> other;
  std::optional<sip::two_hundred_retransmitter> success; // INVITE answered with 2xx, no ACK yet
  std::string source;                                    // text of the flow it came on
  std::string proxy;
  std::string to_tag;               // what we put into To where it has no tag
  dialog_id dialog;                 // it belongs to, or makes
  bool answered = false;            // finally
  std::string user;                 // who sent it, proved by digest; empty: nobody was asked
  std::uint64_t nonce_question = 0; // the answer to it decides whether the request is admitted
  bool challenged = false;          // answered with a challenge: nothing to keep
  std::vector<sip::reliable_provisional> reliable; // INVITE: 18x, each until its PRACK
  std::uint32_t rseq = 0;                          // of the latest one
  std::vector<dialog_id> forks; // dialogs beside `dialog` that its responses have made

  [[nodiscard]] const sip::message& request() const {
    return invite ? invite->request() : other->request();
  }
  [[nodiscard]] bool finished() const {
    using invite_state = sip::invite_server_transaction::state_type;
    using other_state = sip::non_invite_server_transaction::state_type;
    if (success && success->active()) return false;
    for (const auto& each : reliable)
      if (each.active()) return false;
    return invite ? invite->state() == invite_state::terminated
                  : other->state() == other_state::terminated;
  }
  // Somebody waits for us, or we for the ACK; what is left otherwise absorbs repetitions.
  [[nodiscard]] bool in_progress() const {
    if (!answered || (success && success->active())) return true;
    for (const auto& each : reliable)
      if (each.active()) return true;
    return invite && invite->state() == sip::invite_server_transaction::state_type::completed;
  }
};

template <class F>
void describe(F& f, server_record& x) {
  f(1, x.id);
  f(2, x.key);
  f(3, x.invite);
  f(4, x.other);
  f(5, x.success);
  f(6, x.source);
  f(7, x.proxy);
  f(8, x.to_tag);
  f(9, x.dialog);
  f(10, x.answered);
  f(11, x.user);
  f(12, x.nonce_question);
  f(13, x.challenged);
  f(14, x.reliable);
  f(15, x.rseq);
  f(16, x.forks);
}

// A request that we sent. Exactly one of the two machines is there.
struct client_record {
  transaction_id id;
  sip::transaction_key key;
  std::optional<sip::invite_client_transaction> invite;
  std::optional<sip::non_invite_client_transaction> other;
  std::vector<sip::ack_repeater> acks; // one for each dialog that a fork made
  std::string destination;             // text of the flow
  std::string proxy;
  std::string branch;
  dialog_id dialog;            // it was sent in, or its 2xx made
  bool in_dialog = false;      // it was sent in
  bool answered = false;       // a final response went to the application
  bool unacknowledged = false; // that was a 2xx and the application has not ACKed it
  bool cancel_wanted = false;  // RFC 3261 9.1: after a provisional only
  bool cancel_sent = false;
  bool provisional = false;       // one came
  bool application_s = false;     // the application wants to hear of it
  bool fixed_destination = false; // not where the URI leads: dialogs that it makes go there too
  transaction_id known_as;        // to the application: the first one, where this repeats it
  std::uint32_t challenges = 0;   // that we have answered with credentials
  bool forwarded = false;         // somebody else's request that we pass on
  bool too_large = false;         // for a datagram, which it becomes if there is no stream
  std::uint64_t location_question = 0; // where is its peer, whose connection is gone; 0: not asked

  [[nodiscard]] const sip::message& request() const {
    return invite ? invite->request() : other->request();
  }
  [[nodiscard]] bool finished() const {
    using invite_state = sip::invite_client_transaction::state_type;
    using other_state = sip::non_invite_client_transaction::state_type;
    for (const auto& ack : acks)
      if (ack.active()) return false;
    return invite ? invite->state() == invite_state::terminated
                  : other->state() == other_state::terminated;
  }
  [[nodiscard]] bool in_progress() const { return !answered || unacknowledged; }
};

template <class F>
void describe(F& f, client_record& x) {
  f(1, x.id);
  f(2, x.key);
  f(3, x.invite);
  f(4, x.other);
  f(5, x.acks);
  f(6, x.destination);
  f(7, x.proxy);
  f(8, x.branch);
  f(9, x.dialog);
  f(10, x.in_dialog);
  f(11, x.answered);
  f(12, x.unacknowledged);
  f(13, x.cancel_wanted);
  f(14, x.cancel_sent);
  f(15, x.provisional);
  f(16, x.application_s);
  f(17, x.fixed_destination);
  f(18, x.known_as);
  f(19, x.challenges);
  f(20, x.forwarded);
  f(21, x.too_large);
  f(22, x.location_question);
}

struct dialog_record {
  dialog_id id;
  sip::dialog dialog;
  transaction_id made_by; // the INVITE, ours or theirs
  std::string proxy;      // the latest message of this dialog came through it
  std::string
      destination; // where to send instead of the next hop's address (NAT); "" : nowhere else
  bool bye_wanted = false; // RFC 3261 15: not before the ACK to our 2xx
  sip::offer_answer offers;
  std::uint32_t remote_rseq = 0; // RFC 3262 4: of the latest reliable provisional; 0: none
  std::uint32_t session_s = 0;   // RFC 4028: the agreed interval; 0: none
  bool by_subscription = false;  // SUBSCRIBE made it: it ends when the application says so
  std::string flow{};            // the peer's own connection to us, when it has one
};

template <class F>
void describe(F& f, dialog_record& x) {
  f(1, x.id);
  f(2, x.dialog);
  f(3, x.made_by);
  f(4, x.proxy);
  f(5, x.destination);
  f(6, x.bye_wanted);
  f(7, x.offers);
  f(8, x.remote_rseq);
  f(9, x.session_s);
  f(10, x.by_subscription);
  f(11, x.flow);
}

} // namespace holdfast::session
