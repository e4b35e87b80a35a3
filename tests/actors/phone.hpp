// A telephone outside a simulated cluster: repeats what is not answered (RFC 3261 17.1.1.2,
// 17.1.2.2) or acknowledged (13.3.1.4), acknowledges every 2xx, answers every request with 200, and
// remembers what it saw.
// One call at a time. As callee it answers an INVITE at once, or after it has rung for a while.
#pragma once

#include "protocol/sip/message.hpp"
#include "simulations/simulation.hpp"

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace phones {

using namespace holdfast;

class phone {
public:
  phone(simulations::simulation& run, endpoint at, std::string user);
  phone(const phone&) = delete;
  phone& operator=(const phone&) = delete;

  struct request_options {
    std::vector<sip::header_field> headers{};
    std::string body{};
    bool answered_once = false; // send it once, do not repeat it
  };

  // Each returns the branch by which status() knows it.
  std::string enroll(unsigned expires_s); // REGISTER
  std::string invite(const std::string& uri, const request_options& with);
  std::string invite(const std::string& uri) { return invite(uri, {}); }
  std::string in_dialog(const std::string& method, const request_options& with);
  std::string in_dialog(const std::string& method) { return in_dialog(method, {}); }
  std::string cancel(const std::string& invite);

  // Calls that come from now on get 180 at once and 200 so much later (RFC 3261 13.3.1.1).
  void rings_for(duration time) { ring_ = time; }

  // The final status of a request of ours; 0: none yet.
  [[nodiscard]] int status(const std::string& branch) const;
  // A provisional response came: from then on nothing is repeated.
  [[nodiscard]] bool in_progress(const std::string& branch) const;
  [[nodiscard]] bool rings(const std::string& branch) const; // 180 came
  // Every final status it ever got, copies left out.
  [[nodiscard]] std::set<int> statuses(const std::string& branch) const;

  // Requests that came, each once however often it was repeated, by CSeq and branch.
  [[nodiscard]] std::size_t seen(const std::string& method) const;
  // Different final answers to one transaction: never more than one.
  [[nodiscard]] bool consistent() const;
  [[nodiscard]] bool established() const { return !remote_target_.empty(); }
  // The token of the session at the other end of our call.
  [[nodiscard]] std::string remote_token() const;
  [[nodiscard]] std::string uri() const { return "sip:" + user_ + "@" + to_string(at_); }
  [[nodiscard]] bool in_call() const { return in_call_; } // as callee, until a BYE

private:
  struct transaction {
    sip::message request;
    std::set<int> finals;
    bool provisional = false;
    bool rings = false;
  };

  sip::message make(const std::string& method, const std::string& request_uri,
                    const request_options& with);
  std::string start(const sip::message& request, bool repeat);
  void repeat(const std::string& branch, duration interval, duration left);
  void transmit(const sip::message& m);
  void on_datagram(const std::string& bytes);
  void on_response(const sip::message& response);
  void on_request(const sip::message& request);
  void on_invite(const sip::message& request, const std::string& key, const std::string& call);
  void on_cancel(const sip::message& request);
  void acknowledge(const sip::message& response);
  void repeat_answer(const std::string& call, const std::string& bytes, duration interval,
                     duration left);
  std::string unique(const char* prefix);

  simulations::simulation& run_;
  endpoint at_;
  std::string user_;
  std::string call_id_;
  std::string tag_;
  std::string remote_; // To, with tag
  std::string remote_target_;
  unsigned cseq_ = 0;
  unsigned next_ = 0;
  bool in_call_ = false;
  duration ring_{};
  std::map<std::string, transaction> sent_;
  std::map<std::string, sip::message> ringing_; // INVITEs that came, by the key of answered_
  std::map<std::string, std::string> answered_; // branch and method -> our answer
  std::map<std::string, std::size_t> seen_;
  std::set<std::string> acknowledged_; // INVITEs that came, by Call-ID and CSeq
};

// Requests in the call of `caller`, one every half millisecond and each said once, until `owner`
// has the call, but no longer than 200 ms. Their branches.
std::vector<std::string> ask_until_served_by(simulations::simulation& run, phone& caller,
                                             const std::string& owner);
// How many of them had no final response. (Some get 500, others having overtaken them.)
std::size_t unanswered(const phone& caller, const std::vector<std::string>& asked);

} // namespace phones
