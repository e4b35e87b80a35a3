// One step of a session: what an event does to its state, and the effects it leaves. It is also
// the context of the application that runs within the step.
//
//   received --parse--> a copy or an ACK of a known transaction -> that transaction   receiving.cpp
//                       in a dialog -> CSeq, glare -> application
//                       new -> method, scheme, Require -> rule -> application
//   application --respond, send, acknowledge, cancel--> transactions, dialogs           sending.cpp
//   which way it all goes, and Via and Contact for that                                 flows.cpp
//   responses, 2xx that nobody waits for any more                                     responses.cpp
//   credentials, theirs and ours                                                    credentials.cpp
//   a proxy's requests and responses                                                forwarding.cpp
//   reliable provisionals, forks                                                  provisionals.cpp
//   session timers                                                              session_timers.cpp
//   where a peer is whose connection is gone                                      reconnection.cpp
//   timers, the end of the session                                                        step.cpp
//
// What waits for a commit (design, "Commit before output"): in class `stable` final responses, ACK
// to a 2xx and every request within a dialog; `early` adds provisional responses; in `transaction`
// every step that does more than repeat itself commits, and all it says waits.
#pragma once

#include "protocol/applications/application.hpp"
#include "protocol/session/question.hpp"
#include "protocol/session/session.hpp"
#include "protocol/session/state.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::session {

class step final : public applications::context {
public:
  using content = applications::content;

  step(session_state& s, instant now) : s_{s}, now_{now} {}

  void take(const received& in);
  void take(const deadline&);
  void take(const send_failed& failure);
  void take(const asked& in);
  void take(const answered& reply);
  void take(const resumed&);
  void quarantine();

  // Forgets what is over and returns what is to be done; call it once, last.
  [[nodiscard]] std::vector<effect> finish();

  // ---- applications::context --------------------------------------------------------------

  [[nodiscard]] instant now() const override { return now_; }
  [[nodiscard]] const applications::settings& rule() const override { return s_.settings; }
  [[nodiscard]] unsigned restarts() const override { return s_.restarts; }
  [[nodiscard]] duration t1() const override { return s_.env->timers.t1; }
  [[nodiscard]] bool serves_domain(const std::string& host) const override {
    return s_.env->serves_domain(host);
  }
  [[nodiscard]] bool is_over_its_flow(const sip::message& request,
                                      const flow& source) const override;
  void respond(transaction_id request, int status, const content& carried = {}) override;
  transaction_id send(const applications::outgoing_request& request) override;
  transaction_id send_in(dialog_id dialog, const std::string& method, const content& carried = {},
                         unsigned max_forwards = 70) override;
  void respond_in(transaction_id invite, dialog_id as, int status,
                  const content& carried = {}) override;
  [[nodiscard]] dialog_id fork(transaction_id invite) override;
  transaction_id prack(transaction_id invite, dialog_id dialog,
                       const content& carried = {}) override;
  [[nodiscard]] bool supports_100rel(transaction_id invite) const override;
  [[nodiscard]] std::optional<applications::dialog_names> names_of(dialog_id dialog) const override;
  [[nodiscard]] dialog_id dialog_named(const applications::dialog_names& names) const override;
  void acknowledge(dialog_id dialog, const content& carried = {}) override;
  void cancel(transaction_id invite) override;
  [[nodiscard]] std::uint32_t cseq_of(transaction_id request) const override;
  [[nodiscard]] bool alive(dialog_id dialog) const override;
  void set_timer(const std::string& name, duration after) override;
  void set_expiry(const std::string& name, duration after) override;
  void clear_timer(const std::string& name) override;
  [[nodiscard]] std::optional<duration> remaining(const std::string& name) const override;
  std::uint64_t ask(const std::string& key, std::string bytes, duration timeout) override;
  std::uint64_t ask_session(const std::string& tag, std::string bytes, duration timeout) override;
  [[nodiscard]] std::string conceal(const std::string& what) override;
  [[nodiscard]] std::optional<revealed> reveal(const std::string& name) const override;
  transaction_id forward(transaction_id on_behalf_of, sip::message request,
                         const std::optional<flow>& destination) override;
  void relay(transaction_id request, sip::message response) override;
  void pass_ack(sip::message ack, const std::optional<flow>& destination) override;
  [[nodiscard]] std::string own_uri(transport over) const override;
  [[nodiscard]] transport transport_to(const sip::message& request) const override;
  [[nodiscard]] bool is_own_uri(const sip::uri& uri) const override;
  [[nodiscard]] bool has_looped(const sip::message& request) const override;
  [[nodiscard]] bool trusts(const std::string& host) const override;
  [[nodiscard]] std::string realm() const override {
    return s_.env->authentication ? s_.env->authentication->realm : s_.env->advertised.host;
  }
  void commit() override { commit_ = true; }
  void keep(applications::durability as) override;

private:
  // Where the output of a machine goes, and the timers it starts.
  struct outlet {
    timer_key timers; // kind and id, part for an ACK
    std::string destination;
    std::string proxy;
    std::string branch;
    bool dependent = false;
    bool perishable = false;
    bool silent = false; // what would be sent is not
  };

  // receiving.cpp
  void take_request(const sip::message& request, const received& in);
  void take_initial(transaction_id id);
  void proceed_initial(transaction_id id);
  void take_in_dialog(transaction_id id);
  void proceed_in_dialog(transaction_id id);
  void take_cancel(const sip::message& request, const received& in);
  void take_ack(const sip::message& ack);
  [[nodiscard]] bool take_prack(transaction_id id); // false: it acknowledges nothing
  [[nodiscard]] bool crosses(transaction_id id);    // true: answered 491 or 500
  transaction_id open(const sip::message& request, const sip::transaction_key& key,
                      const received& in);
  [[nodiscard]] bool refused(transaction_id id); // the checks of RFC 3261 8.2; true: answered
  bool choose_application(const sip::message& request);
  void to_application(transaction_id id, bool in_dialog);
  void trying(transaction_id invite);

  // credentials.cpp
  [[nodiscard]] bool proxying(const sip::message& request) const;
  [[nodiscard]] bool admitted(transaction_id id);
  void challenge(transaction_id id, bool stale);
  bool take_nonce_answer(const answered& reply);
  [[nodiscard]] std::string answer_about_nonce(const std::string& bytes);
  [[nodiscard]] sip::message without_our_credentials(sip::message request) const;
  bool answer_challenge(transaction_id id, const sip::message& response);
  void repeat_request(transaction_id id, sip::message retry);

  // responses.cpp
  void take_response(const sip::message& response, const received& in);
  void pass_up(transaction_id client, const sip::message& response);
  void pass_up_invite(transaction_id client, const sip::message& response);
  void succeeded(transaction_id client, const sip::message& response);
  void fail_client(transaction_id client, int status);
  void provisional(transaction_id client, const sip::message& response);
  void deliver(transaction_id client, dialog_id dialog, const sip::message& response,
               bool reliable = false);
  dialog_id dialog_of(transaction_id client, const sip::message& response);
  void stray(const sip::message& response, const received& in);

  // sending.cpp
  void finish_invite(server_record& record, const sip::message& response);
  bool make_dialog(server_record& record, dialog_id as, const sip::message& response);
  void respond_as(server_record& record, dialog_id as, int status, const content& carried);
  void send_cancel(client_record& record);
  void say_again(const client_record& record);
  void send_reliably(server_record& record, sip::message response);
  [[nodiscard]] std::string tag_of(dialog_id dialog) const;

  // flows.cpp
  void write_via(sip::message& request, transport over, const std::string& mark = {});
  void address(client_record& record, sip::message& request, const std::string& mark = {});
  [[nodiscard]] sip::transaction_effects begin(client_record& record, sip::message request);
  void send_as_datagram(client_record& record);
  void note_flow(dialog_record& dialog, const server_record& by) const;
  void note_way(dialog_record& dialog, const client_record& by) const;
  [[nodiscard]] bool is_gruu_of_ours(const sip::uri& uri) const;
  [[nodiscard]] bool targets_gruu_of_ours(const dialog_record& dialog) const;
  [[nodiscard]] static std::string way_within(const dialog_record& dialog);
  [[nodiscard]] std::string contact(const std::string& flow_text, bool secure) const;

  // reconnection.cpp
  [[nodiscard]] bool look_up_again(client_record& record);
  [[nodiscard]] bool take_location(const answered& reply);
  void go_over(client_record& record, const std::string& destination);
  void fail_transport(client_record& record);

  // session_timers.cpp
  void agree_on_refreshes(server_record& record, sip::message& response);
  void learn_refreshes(dialog_id dialog, const sip::message& response);
  void set_refreshes(dialog_id dialog, std::uint32_t seconds, bool ours);
  void refresh(dialog_id dialog);
  bool ask_for_longer(transaction_id id, const sip::message& response);
  transaction_id start_client(sip::message request, const std::string& destination,
                              const std::string& proxy, dialog_id dialog, bool for_application,
                              transaction_id known_as = {});
  std::uint64_t pose(const std::string& key, const question& what, duration timeout);

  // step.cpp
  void run(const sip::transaction_effects& effects, const outlet& out);
  [[nodiscard]] outlet outlet_of(const server_record& record, bool dependent) const;
  [[nodiscard]] outlet outlet_of(const client_record& record, bool dependent) const;
  void fire(const timer_key& key);
  [[nodiscard]] bool outlived_its_call(const client_record& record);
  void to_whoever_asked(const answered& reply);
  void unacknowledged(transaction_id invite);
  void unpracked(transaction_id invite);
  void end_dialog(dialog_id dialog); // 487 to what is open in it (RFC 3261 15.1.2)
  void forget_finished();
  [[nodiscard]] bool kept_as(applications::durability at_least) const;

  [[nodiscard]] server_record* server(transaction_id id);
  [[nodiscard]] server_record* server(const sip::transaction_key& key);
  [[nodiscard]] client_record* client(transaction_id id);
  [[nodiscard]] client_record* client_known_as(transaction_id id); // as applications name it
  [[nodiscard]] dialog_record* dialog(dialog_id id);

  session_state& s_;
  instant now_;
  std::vector<effect> out_;
  bool commit_ = false;
  bool moved_on_ = false; // something has happened that a retransmission could ask about
};

// How often one request may be repeated because a peer asks for credentials again.
inline constexpr std::uint32_t challenges_max = 3;

// Text of the flow that a URI leads to; empty: to none.
[[nodiscard]] std::string destination_of(std::string_view uri);

// Methods we know, for Allow (RFC 3261 20.5).
[[nodiscard]] const std::string& allowed_methods();

// Option tags we know, for Supported (RFC 3261 20.37); "timer" first.
[[nodiscard]] const std::string& supported_options();

// RFC 3261 16.7: a response that no transaction here waits for, passed back by what its Via says.
// nullopt: the Via below ours is missing.
[[nodiscard]] std::optional<send> pass_back(sip::message response);

} // namespace holdfast::session
