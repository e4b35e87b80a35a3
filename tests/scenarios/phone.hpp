// A user agent that does what its script says, and by itself only what a transaction layer does:
// it acknowledges failures (RFC 3261 17.1.1.3) and knows copies of a request again.
#pragma once

#include "protocol/core/flow.hpp"
#include "protocol/sip/dialog.hpp"
#include "protocol/sip/digest.hpp"
#include "protocol/sip/message.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace scenarios {

using namespace holdfast;

struct phone_settings {
  std::string name;    // "alice"
  std::string aor;     // "sip:alice@atlanta.example.com"
  flow at;             // her address
  std::string host;    // its name, in Via and Contact
  flow hop;            // where requests without a dialog go
  std::string route{}; // preloaded (RFC 3261 8.1.1.1); empty: none
};

class phone {
public:
  using sender = std::function<void(const flow& to, const sip::message& m)>;

  phone(phone_settings settings, sender send) : is_{std::move(settings)}, send_{std::move(send)} {}

  // A request outside a dialog; `headers`: "Name: value" lines of it.
  void request(const std::string& method, const std::string& uri,
               const std::vector<std::string>& headers);
  // `contact`: a URI, "*", "none" or "" for her own; `expires` "": not said.
  void register_at(const std::string& uri, const std::string& contact, const std::string& expires);
  void in_dialog(const std::string& method);
  void cancel();
  void turn_to(const flow& hop) { is_.hop = hop; }
  void repeat(); // the last request, as it was
  // The last request, with credentials for what it was challenged with. Whoever has asked once is
  // shown credentials with every request outside a dialog from then on.
  void again(const std::string& password);
  // To the latest request that waits for an answer, or the latest of that method.
  void respond(int status, const std::string& reason, const std::string& method,
               const std::vector<std::string>& headers);

  void deliver(const sip::message& m);

  // What she would not have expected, for the trace.
  std::vector<std::string> complaints;

private:
  // Of one realm, which has asked for it.
  struct proof {
    sip::challenge asked;
    bool by_proxy = false;
    std::string password;
    std::uint32_t count = 0; // requests shown with this nonce
  };

  void authorize(sip::message& m);
  sip::message prepared(const std::string& method, const std::string& uri);
  void stamp(sip::message& m);
  void send_in_dialog(sip::message m);
  void on_request(const sip::message& m);
  void on_response(const sip::message& m);
  [[nodiscard]] std::string session_description();

  phone_settings is_;
  sender send_;
  std::optional<sip::dialog> dialog_;
  sip::message last_; // request
  sip::message invite_;
  std::map<std::string, proof> proofs_; // by realm
  std::vector<sip::message> waiting_;   // requests without a final answer
  flow last_to_;
  std::uint32_t cseq_ = 0;
  unsigned branches_ = 0;
  unsigned calls_ = 0;
  unsigned versions_ = 0;
};

// The phone's view of a URI: where its next hop is, by host and port.
[[nodiscard]] flow hop_of(const std::string& uri);

} // namespace scenarios
