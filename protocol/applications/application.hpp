// What an application is: a copyable value whose handlers the session calls, and the narrow
// context through which it acts. It never sees a transaction, a branch, a CSeq or a retransmission,
// never asks the clock, and never says what is replicated: the session does all that.
//
//   session --on_request, on_response, on_ack, on_timer, ...--> application
//   session <--respond, send, acknowledge, cancel, set_timer, ask-- context
//
// A handler may throw: the step is then undone and the session restarts from its last snapshot.
// How to write one: README.md in this folder.
#pragma once

#include "protocol/applications/durability.hpp"
#include "protocol/core/codec.hpp"
#include "protocol/core/flow.hpp"
#include "protocol/core/identifiers.hpp"
#include "protocol/core/result.hpp"
#include "protocol/core/time.hpp"
#include "protocol/session/session.hpp"
#include "protocol/sip/message.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::applications {

using settings = std::map<std::string, std::string>;

// One request, one that came in or one that we sent; unique in its session. 0: none.
using transaction_id = strong_number<struct transaction_id_tag, std::uint64_t>;

// One dialog of the session. 0: none.
using dialog_id = strong_number<struct dialog_id_tag, std::uint64_t>;

// The part of a message that is the application's: everything else the session writes itself.
struct content {
  std::vector<sip::header_field> headers; // Content-Type among them when there is a body
  std::string body;
  // Of a 18x: sent reliably (RFC 3262), which the caller has to support; see supports_100rel().
  bool reliable = false;
};

// Call-ID and tags of a dialog as its other end would name it in Replaces or Join: what it calls
// its own tag, and what it calls ours.
struct dialog_names {
  std::string call_id;
  std::string their_tag;
  std::string our_tag;
  std::string target{};      // their Contact; not compared
  std::string destination{}; // "host:port" where requests for it go, if elsewhere; not compared
  bool confirmed = false;    // not compared
};

// Everything in a message that a back-to-back user agent passes on: not what belongs to one hop,
// one transaction or one dialog, nor what the session writes (Contact, Allow, Supported).
[[nodiscard]] content carried_content(const sip::message& message);

struct incoming_request {
  transaction_id id;
  dialog_id dialog;       // of an initial INVITE: the one that answering it makes; 0: none
  bool in_dialog = false; // it came within a dialog that existed
  const sip::message& message;
  flow source;        // where it really came from
  std::string user{}; // who sent it, proved by digest; empty: nobody was asked
};

struct incoming_response {
  transaction_id id; // of the request that we sent
  dialog_id dialog;  // it came in, or it created; 0: none
  int status = 0;
  const sip::message& message; // after a time-out or transport error one that we made: 408, 503
  std::string method;          // of the request
  bool reliable = false;       // a provisional that wants a PRACK: prack()
};

struct outgoing_request {
  std::string method;
  std::string request_uri;
  std::string from; // name-addr without tag, as it goes into From
  std::string to;   // name-addr without tag
  unsigned max_forwards = 70;
  content carried;
  std::optional<flow> destination;   // where to send; absent: as the Request-URI says
  std::vector<std::string> routes{}; // Route values above all (RFC 3327), first hop first
};

class context {
public:
  virtual ~context() = default;

  [[nodiscard]] virtual instant now() const = 0;
  [[nodiscard]] virtual duration t1() const = 0;          // RFC 3261 17.1.1.1
  [[nodiscard]] virtual const settings& rule() const = 0; // settings of the rule that chose us
  [[nodiscard]] virtual unsigned restarts() const = 0; // how often the session died of an exception
  [[nodiscard]] virtual bool serves_domain(const std::string& host) const = 0;
  // Nobody is between us and the sender of the request, who is reached over `source` alone (RFC
  // 5626 5.3).
  [[nodiscard]] virtual bool is_over_its_flow(const sip::message& request,
                                              const flow& source) const = 0;

  // Answers a request. A second final response is ignored; so is one to an unknown transaction.
  // A 1xx (above 100) or 2xx to an INVITE makes or confirms its dialog.
  virtual void respond(transaction_id request, int status, const content& carried = {}) = 0;

  // Sends a request outside a dialog; an INVITE makes one or more dialogs by its responses. 0: the
  // Request-URI leads nowhere.
  virtual transaction_id send(const outgoing_request& request) = 0;

  // Sends a request within a dialog; 0 if the dialog is gone or the request may not be sent now (a
  // second INVITE). BYE ends the dialog at once.
  virtual transaction_id send_in(dialog_id dialog, const std::string& method,
                                 const content& carried = {}, unsigned max_forwards = 70) = 0;

  // ACKs the 2xx to the latest INVITE that we sent in this dialog; the session repeats it for every
  // retransmission of the 2xx.
  // Like respond(), to an INVITE in another dialog than its first: one that fork() made.
  virtual void respond_in(transaction_id invite, dialog_id as, int status,
                          const content& carried = {}) = 0;

  // Another dialog for the responses to an INVITE: its target has forked, and each of its early
  // dialogs is one to the caller (RFC 3261 12.1, 13.2.2.4).
  [[nodiscard]] virtual dialog_id fork(transaction_id invite) = 0;

  // Acknowledges the latest reliable provisional response to our INVITE in this dialog (RFC 3262
  // 4).
  virtual transaction_id prack(transaction_id invite, dialog_id dialog,
                               const content& carried = {}) = 0;

  // Does this INVITE allow reliable provisional responses?
  [[nodiscard]] virtual bool supports_100rel(transaction_id invite) const = 0;

  // nullopt: the dialog is gone.
  [[nodiscard]] virtual std::optional<dialog_names> names_of(dialog_id dialog) const = 0;
  // The confirmed dialog that its other end names so; 0: there is none here.
  [[nodiscard]] virtual dialog_id dialog_named(const dialog_names& names) const = 0;

  virtual void acknowledge(dialog_id dialog, const content& carried = {}) = 0;

  // RFC 3261 9.1: CANCELs an INVITE of ours, once a provisional response allows it. Its final
  // response still comes to on_response(), a 2xx that crossed the CANCEL included.
  virtual void cancel(transaction_id invite) = 0;

  // The CSeq number of a request of ours that has no final response yet.
  [[nodiscard]] virtual std::uint32_t cseq_of(transaction_id request) const = 0;

  // Is there still a dialog to send in? False once a BYE went either way.
  [[nodiscard]] virtual bool alive(dialog_id dialog) const = 0;

  // Named timers, kept in the snapshot as remaining time; each fires once, also across a failover.
  // A session with a pending timer does not end. An *expiry* is a timer for something that somebody
  // else may renew (a binding): having passed while nobody owned the session, it gets a grace.
  virtual void set_timer(const std::string& name, duration after) = 0;
  virtual void set_expiry(const std::string& name, duration after) = 0;
  virtual void clear_timer(const std::string& name) = 0;
  [[nodiscard]] virtual std::optional<duration> remaining(const std::string& name) const = 0;

  // Asks the session found under `key`; on_answered() follows with the id that this returns.
  virtual std::uint64_t ask(const std::string& key, std::string bytes, duration timeout) = 0;

  // The same to the session that one of our tags, or the user of our Contact, names. 0: not ours.
  virtual std::uint64_t ask_session(const std::string& tag, std::string bytes,
                                    duration timeout) = 0;

  // A name for `what` in this session that only the cluster can read, and nobody else can link to
  // another one: each is new.
  [[nodiscard]] virtual std::string conceal(const std::string& what) = 0;
  // Of such a name the session, as ask_session() takes it, and what it is there. nullopt: not ours.
  struct revealed {
    std::string session;
    std::string what;
  };
  [[nodiscard]] virtual std::optional<revealed> reveal(const std::string& name) const = 0;

  // ---- for applications that proxy (RFC 3261 section 16); see proxies()

  // Sends `request`, somebody else's, with our Via on top and one hop less; its target stands in
  // it. Responses come to on_response() with that Via. 0: it leads nowhere.
  virtual transaction_id forward(transaction_id on_behalf_of, sip::message request,
                                 const std::optional<flow>& destination) = 0;
  // Sends a response to a forwarded request back, without our Via. After a 2xx to an INVITE further
  // ones may follow.
  virtual void relay(transaction_id request, sip::message response) = 0;
  virtual void pass_ack(sip::message ack, const std::optional<flow>& destination) = 0;
  [[nodiscard]] virtual std::string own_uri(transport over) const = 0; // for Record-Route
  // What forward() without a destination would send it over.
  [[nodiscard]] virtual transport transport_to(const sip::message& request) const = 0;
  [[nodiscard]] virtual bool is_own_uri(const sip::uri& uri) const = 0;
  [[nodiscard]] virtual bool has_looped(const sip::message& request) const = 0; // RFC 5393
  [[nodiscard]] virtual bool trusts(const std::string& host) const = 0;         // RFC 3325
  [[nodiscard]] virtual std::string realm() const = 0;

  // What the application keeps has changed and must survive, though no output says so by itself.
  virtual void commit() = 0;

  // From this step on this session is kept so, whatever its rule says: a call that matters more
  // than others, or less.
  virtual void keep(durability as) = 0;
};

class application {
public:
  virtual ~application() = default;
  [[nodiscard]] virtual std::unique_ptr<application> clone() const = 0;
  [[nodiscard]] virtual std::string snapshot() const = 0;

  // A request that is new: no retransmission, and neither ACK nor CANCEL. Answer it, now or later.
  virtual void on_request(context& session, const incoming_request& request) = 0;

  virtual void on_response(context& session, const incoming_response& response);

  // The ACK to our 2xx; each once.
  virtual void on_ack(context& session, dialog_id dialog, const sip::message& ack);

  // Nobody ACKed our 2xx within 64*T1 (RFC 3261 13.3.1.4). By itself: a BYE.
  virtual void on_unacknowledged(context& session, dialog_id dialog);

  // The caller took its INVITE back. By itself: 487.
  virtual void on_cancel(context& session, transaction_id invite);

  // The other end has not refreshed the session in time (RFC 4028 10). By itself: a BYE.
  virtual void on_expired(context& session, dialog_id dialog);

  // True: requests are forwarded, not answered. Then no dialog is made of them, requests of foreign
  // dialogs come to on_request() and their ACKs to on_ack(), and a CANCEL answers nothing by
  // itself.
  [[nodiscard]] virtual bool proxies() const { return false; }

  virtual void on_timer(context& session, const std::string& name);

  virtual void on_answered(context& session, const session::answered& reply);

  // Another session asks; what this returns is the answer.
  virtual std::string on_asked(context& session, const std::string& bytes);

protected:
  application() = default;
  application(const application&) = default;
  application& operator=(const application&) = default;
};

// clone() and snapshot() for an application that is a struct with a describe().
template <class Self>
class basic_application : public application {
public:
  [[nodiscard]] std::unique_ptr<application> clone() const override {
    return std::make_unique<Self>(static_cast<const Self&>(*this));
  }
  [[nodiscard]] std::string snapshot() const override {
    return encode(static_cast<const Self&>(*this));
  }
};

// An entry of the table name -> application.
struct application_type {
  std::function<std::unique_ptr<application>()> make;
  std::function<result<std::unique_ptr<application>>(std::string_view snapshot)> restore;
  // Names the first setting that is unknown or has a bad value, and what to write instead.
  std::function<result<void>(const settings&)> check;
};

using application_table = std::map<std::string, application_type>;

template <class Self>
[[nodiscard]] application_type type_of(std::function<result<void>(const settings&)> check) {
  return {.make = [] { return std::make_unique<Self>(); },
          .restore = [](std::string_view bytes) -> result<std::unique_ptr<application>> {
            auto state = decode<Self>(bytes);
            if (!state) return tl::make_unexpected(state.error());
            return std::make_unique<Self>(std::move(*state));
          },
          .check = std::move(check)};
}

// A number out of the settings, `otherwise` if it is not there; for handlers and check() alike.
[[nodiscard]] result<unsigned> number_setting(const settings& given, const std::string& name,
                                              unsigned least, unsigned most, unsigned otherwise);

// Error: a setting that is not among `known`.
[[nodiscard]] result<void> only_settings(const settings& given,
                                         const std::vector<std::string>& known);

// "host:port" or a SIP URI.
[[nodiscard]] result<sip::uri> target_uri(const std::string& text);

// Those that come with Holdfast: registrar, b2bua, proxy, answer.
[[nodiscard]] application_table built_in();

} // namespace holdfast::applications
