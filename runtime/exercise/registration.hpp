// One callee's binding (RFC 3261 10.2): made, refreshed at half of what was granted, removed.
#pragma once

#include "runtime/exercise/call_end.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace holdfast::exercise {

class registration {
public:
  enum class state_type : std::uint8_t { idle, asking, registered, removing, removed, failed };

  // "sip:callee-7@HOST", where HOST is the text of the target's host and port.
  registration(std::uint32_t number, std::string host, const end_settings& settings,
               std::uint32_t expires_s);

  void ask(name_source& names, instant now, step& out);
  void remove(name_source& names, instant now, step& out); // Expires: 0

  void receive(const sip::message& m, name_source& names, instant now, step& out);
  void on_alarm(const alarm& a, name_source& names, instant now, step& out);

  [[nodiscard]] state_type state() const { return state_; }
  [[nodiscard]] const std::string& aor() const { return aor_; }
  [[nodiscard]] const std::string& call_id() const { return call_id_; }
  // Final responses other than 2xx and time-outs, after the binding was once made.
  [[nodiscard]] const std::string& complaint() const { return complaint_; }

private:
  void send(std::uint32_t expires_s, name_source& names, instant now, step& out);
  void on_final(const sip::message& m, name_source& names, instant now, step& out);
  void fail(const std::string& why);

  const end_settings* settings_;
  transactions transactions_;
  credentials credentials_;
  std::string aor_;
  std::string registrar_;
  std::string contact_;
  std::string call_id_;
  std::string tag_;
  std::string complaint_;
  std::uint32_t expires_s_;
  std::uint32_t asked_s_ = 0; // the latest wish: expires_s_, or 0
  int put_off_ = 0;           // by 503 with Retry-After, while asking
  std::uint32_t cseq_ = 0;
  std::uint32_t refresh_generation_ = 0;
  state_type state_ = state_type::idle;
};

} // namespace holdfast::exercise
