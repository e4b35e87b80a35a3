// The transactions of one user agent in one call: the machines of protocol/sip, their timers, and
// the lookup of RFC 3261 17.1.3 and 17.2.3. The repetition of a 2xx and of its ACK lives here too.
#pragma once

#include "protocol/core/flow.hpp"
#include "protocol/sip/invite_client_transaction.hpp"
#include "protocol/sip/invite_server_transaction.hpp"
#include "protocol/sip/invite_success.hpp"
#include "protocol/sip/non_invite_client_transaction.hpp"
#include "protocol/sip/non_invite_server_transaction.hpp"
#include "protocol/sip/transaction_key.hpp"
#include "runtime/exercise/step.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

namespace holdfast::exercise {

// Up to the user agent.
struct news {
  enum class kind : std::uint8_t { message, timed_out, unacknowledged };
  kind what = kind::message;
  std::uint32_t transaction = 0;
  sip::message about; // message: it; timed_out: our request; unacknowledged (a 2xx of ours): empty
};

class transactions {
public:
  explicit transactions(sip::timer_values timers = {}, transport over = transport::udp)
      : timers_{timers}, reliable_{is_reliable(over)} {}

  // `request` is complete, our Via on top. The number names the transaction.
  std::uint32_t send(const sip::message& request, const flow& to, instant now, step& out);

  // An answer to what receive() passed up. A 2xx to INVITE is repeated until its ACK.
  void respond(std::uint32_t transaction, const sip::message& response, instant now, step& out);

  // The ACK to a 2xx; repeated whenever the 2xx is.
  void acknowledge(const sip::message& ack, const flow& to, instant now, step& out);

  // A request makes a transaction unless it is a copy; a response finds one or is dropped (false).
  bool receive(const sip::message& m, const flow& source, instant now, step& out,
               std::vector<news>& up);

  void on_alarm(const alarm& a, instant now, step& out, std::vector<news>& up);

  // The INVITE server transaction a CANCEL is for, while it has no final response (RFC 3261 9.2).
  [[nodiscard]] std::optional<std::uint32_t> cancelled_by(const sip::message& cancel) const;
  // The request a transaction was made by; nullptr: gone.
  [[nodiscard]] const sip::message* request_of(std::uint32_t transaction) const;
  [[nodiscard]] bool empty() const { return slots_.empty(); }

private:
  using machine = std::variant<sip::invite_client_transaction, sip::non_invite_client_transaction,
                               sip::invite_server_transaction, sip::non_invite_server_transaction,
                               sip::two_hundred_retransmitter, sip::ack_repeater>;

  struct slot {
    std::uint32_t number = 0;
    sip::transaction_key key; // of no use for the last two machines
    machine what;
    flow to;
    std::array<std::uint32_t, 13> generations{}; // per timer_name
  };

  slot& add(machine m, sip::transaction_key key, const flow& to);
  slot* find(std::uint32_t number);
  bool receive_ack(const sip::message& ack, instant now, step& out, std::vector<news>& up);
  bool receive_response(const sip::message& m, instant now, step& out, std::vector<news>& up);
  template <class Event>
  void drive(std::uint32_t number, const Event& e, instant now, step& out, std::vector<news>* up);
  void report_timeout(const slot& s, std::vector<news>& up);
  void carry_out(std::uint32_t number, sip::transaction_effects effects, instant now, step& out,
                 std::vector<news>* up);

  sip::timer_values timers_;
  bool reliable_;
  std::vector<slot> slots_; // a handful
  std::uint32_t last_number_ = 0;
};

} // namespace holdfast::exercise
