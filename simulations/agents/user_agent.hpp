// A telephone outside a simulated cluster that keeps to RFC 3261: it repeats what is not answered
// or acknowledged, acknowledges every 2xx, answers copies with copies, and writes down all it sends
// and receives. What it does in a call is data (plan/run_plan.hpp); it holds any number of calls.
#pragma once

#include "protocol/core/endpoint.hpp"
#include "protocol/sip/message.hpp"
#include "protocol/sip/transaction.hpp"
#include "simulations/agents/call_end.hpp"
#include "simulations/agents/history.hpp"
#include "simulations/agents/subscription.hpp"
#include "simulations/plan/run_plan.hpp"

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace holdfast::simulations {

class simulation;

class user_agent {
public:
  // nullptr: a call that is not in the plan; it is answered at once.
  using plan_lookup = std::function<const call_plan*(unsigned number)>;

  // `run` and `log` outlive the agent; no event of `run` may run after its end.
  user_agent(simulation& run, history& log, endpoint at, std::string user, sip::timer_values timers,
             plan_lookup plans);
  user_agent(const user_agent&) = delete;
  user_agent& operator=(const user_agent&) = delete;

  void enroll(std::uint32_t expires_s); // REGISTER
  void watch(const std::string& user);  // SUBSCRIBE to the registration of somebody
  void watch_again();                   // SUBSCRIBE within it; likewise the next
  void watch_no_more();
  void place(const call_plan& plan); // INVITE, and what follows
  // In the call of that number, if it stands.
  void request_in(unsigned number, const std::string& method, bool throws = false);
  void hang_up(unsigned number);
  void cancel(unsigned number); // if nobody has answered
  void leave();                 // from now on every call is ended as soon as it stands

  [[nodiscard]] const std::string& user() const { return user_; }
  [[nodiscard]] const std::map<std::string, call_end>& ends() const { return ends_; } // by Call-ID
  [[nodiscard]] const call_end* end_of(unsigned number) const;
  // All its calls have ended, and nothing that it said waits for an answer or an ACK.
  [[nodiscard]] bool at_rest() const;
  // The last status of a REGISTER; 0: none yet.
  [[nodiscard]] int enrolled() const { return enrolled_; }
  [[nodiscard]] const std::optional<subscription>& watched() const { return watched_; }
  [[nodiscard]] std::string uri() const { return "sip:" + user_ + "@" + to_string(at_); }

private:
  static constexpr const char* sdp =
      "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\nm=audio 4000 "
      "RTP/AVP 0\r\n";
  static constexpr std::uint32_t subscribed_for_s = 600;
  // Branch and method: of a transaction.
  static std::string key_of(const sip::message& m);

  struct client_transaction {
    sip::message request;
    bool finished = false;
    bool provisional = false;
    bool given_up = false;
    std::string call_id;
  };
  struct server_transaction {
    sip::message request;
    std::string answer; // bytes of the last response
    bool final = false;
    bool acknowledged = false;
    bool pracked = false;
  };

  sip::message make(const std::string& method, const std::string& request_uri,
                    const std::string& to, const std::string& from_tag, const std::string& call_id,
                    std::uint32_t cseq);
  sip::message make_in(call_end& end, const std::string& method);
  std::string start(const sip::message& request);
  void repeat(const std::string& key, duration interval, duration left);
  void transmit(const sip::message& m);
  void transmit(const sip::message& m, const std::string& bytes);
  void on_datagram(const std::string& bytes);

  void on_response(const sip::message& response);
  void on_invite_response(client_transaction& t, const sip::message& response);
  void succeeded(const sip::message& invite, const sip::message& response, call_end& end);
  void acknowledge(const sip::message& response, const call_end& end);
  void decline(const sip::message& response, const call_end& standing);
  void acknowledge_provisional(const sip::message& response, call_end& end);
  static void learn_remote(const sip::message& response, call_end& end);
  void acknowledge_failure(const sip::message& invite, const sip::message& response);
  void stands(call_end& end);
  void fall_silent(unsigned number);
  void timed_out(client_transaction& t);

  void subscribe(std::uint32_t expires_s);
  void on_subscribed(const client_transaction& t, const sip::message& response);
  bool on_notify(const std::string& key, const sip::message& notify);

  void on_request(const sip::message& request);
  void on_ack(const sip::message& ack);
  void on_cancel(const sip::message& cancel);
  void on_invite(const std::string& key, const sip::message& request);
  void on_new_call(const std::string& key, const sip::message& invite);
  void ring(const std::string& key, bool reliably);
  void answer_call(const std::string& key);
  void respond(const std::string& key, int status, const std::string& tag,
               const std::vector<sip::header_field>& more = {});
  void repeat_ringing(const std::string& key, duration interval, duration left);
  void repeat_answer(const std::string& key, duration interval, duration left);

  [[nodiscard]] call_end* standing(unsigned number);
  [[nodiscard]] call_end* dialog_of(const sip::message& request);
  [[nodiscard]] bool invite_open(const call_end& end) const;
  std::string unique(const char* prefix);

  simulation& run_;
  history& log_;
  endpoint at_;
  std::string user_;
  sip::timer_values timers_;
  plan_lookup plans_;
  unsigned next_ = 0;
  int enrolled_ = 0;
  bool leaves_ = false;
  std::optional<subscription> watched_;
  std::uint32_t register_cseq_ = 0;
  std::map<std::string, call_end> ends_;
  std::map<std::string, client_transaction> clients_; // by branch and method
  std::map<std::string, server_transaction> servers_;
  std::map<std::string, std::string> acks_; // Call-ID, CSeq and To-tag of a 2xx -> its ACK
};

} // namespace holdfast::simulations
