// One end of one call: a user agent as a value (RFC 3261 section 8, 12 to 15).
//
//   caller: place --> early --2xx, ACK--> established --BYE--> ended
//   callee: INVITE --> early --2xx--> answered --ACK--> established --BYE--> ended
//
// It behaves, and remembers nothing for the judge: what it did is what went over its wire.
#pragma once

#include "protocol/sip/dialog.hpp"
#include "runtime/exercise/call_log.hpp"
#include "runtime/exercise/credentials.hpp"
#include "runtime/exercise/name_source.hpp"
#include "runtime/exercise/transactions.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::exercise {

// The same for all ends of one party; outlives them.
struct end_settings {
  endpoint address;  // ours, for Via and Contact
  endpoint outbound; // where a request goes whose next hop is a name
  sip::timer_values timers;
  duration ring{50ms};
  std::uint64_t run = 0;  // exercise_id.hpp
  int retries_max = 3;    // of a request answered 500 or 503 with Retry-After, or 491
  std::string password{}; // of every user agent; empty: it answers no challenge
  transport over = transport::udp;
};

// What is peculiar to one call.
struct end_traits {
  std::vector<sip::header_field> invite_headers;    // extra, on the first INVITE
  std::vector<sip::header_field> in_dialog_headers; // extra, on every request in the dialog
  bool repeats_success = false;     // sends its 2xx once more after the ACK: RFC 3261 13.2.2.4
  std::optional<duration> patience; // caller: it cancels what is not answered after that
};

class call_end {
public:
  call_end(party who, std::uint32_t number, const end_settings& settings, end_traits traits);

  // Caller, once.
  void place(const std::string& target_uri, name_source& names, instant now, step& out);
  // A request in the established dialog: INFO, OPTIONS, UPDATE or INVITE. Ignored while busy.
  void request(std::string_view method, name_source& names, instant now, step& out);
  // BYE, as soon as it is not busy; nothing when there is no call.
  void hang_up(name_source& names, instant now, step& out);

  void receive(const sip::message& m, const flow& source, name_source& names, instant now,
               step& out);
  void on_alarm(const alarm& a, name_source& names, instant now, step& out);

  [[nodiscard]] belief state() const { return state_; }
  // A request of ours in the dialog has no final answer yet, or waits for its retry.
  [[nodiscard]] bool busy() const { return !pending_.empty(); }
  [[nodiscard]] const std::string& call_id() const { return call_id_; }

private:
  enum class own_alarm : std::uint8_t { answer, repeat_success, retry, change_mind, give_up };

  // as callee, and as either end inside the dialog
  void on_request(std::uint32_t transaction, const sip::message& m, name_source& names, instant now,
                  step& out);
  void on_invitation(std::uint32_t transaction, const sip::message& m, name_source& names,
                     instant now, step& out);
  void on_request_in_dialog(std::uint32_t transaction, const sip::message& m, instant now,
                            step& out);
  void on_cancel(std::uint32_t transaction, const sip::message& m, instant now, step& out);
  void on_ack(instant now, step& out);
  void answer(instant now, step& out);
  void repeat_success(step& out);

  // responses to what we sent
  void on_response(const sip::message& m, name_source& names, instant now, step& out);
  void on_invite_response(const sip::message& m, name_source& names, instant now, step& out);
  void on_response_in_dialog(const sip::message& m, name_source& names, instant now, step& out);
  void on_timeout(const sip::message& request);
  void abandon(const sip::message& late_success, name_source& names, instant now, step& out);
  void change_mind(instant now, step& out);
  void cancel(instant now, step& out);
  void give_up(instant now, step& out);
  bool retry_later(const sip::message& m, instant now, step& out);
  bool answer_challenge(const sip::message& m, name_source& names, instant now, step& out);
  void finished_request(name_source& names, instant now, step& out);

  // writing
  void complete(sip::message& m, name_source& names);
  void send_in_dialog(std::string_view method, name_source& names, instant now, step& out);
  void send_ack(std::uint32_t invite_cseq, name_source& names, instant now, step& out);
  [[nodiscard]] std::string next_id();
  void put_session(sip::message& m, const std::string& id);
  [[nodiscard]] endpoint where(const sip::dialog& d) const;
  [[nodiscard]] std::string contact() const;
  void ring_alarm(own_alarm what, duration after, instant now, step& out);

  const end_settings* settings_;
  end_traits traits_;
  party who_;
  std::uint32_t number_;
  belief state_ = belief::nothing;
  std::string call_id_;
  std::string user_; // of our Contact
  transactions transactions_;
  credentials credentials_;
  std::optional<sip::dialog> dialog_;
  sip::message invite_; // caller: as sent; callee: as received
  std::uint32_t invite_transaction_ = 0;
  std::string success_; // callee: bytes of the 2xx
  flow success_to_;
  std::string pending_;        // method of our unanswered request in the dialog
  int attempts_ = 0;           // of pending_
  bool provisional_ = false;   // caller: something came back
  bool cancelled_ = false;     // caller
  bool impatient_ = false;     // caller: it cancels as soon as it may
  bool wants_hang_up_ = false; // when no longer busy
  std::uint32_t requests_ = 0; // counted into exercise ids
  std::uint64_t sdp_session_ = 0;
  std::uint64_t sdp_version_ = 0;
  std::string sdp_id_; // exercise id in the SDP we sent last
  std::string local_tag_;
};

} // namespace holdfast::exercise
