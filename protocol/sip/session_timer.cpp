#include "protocol/sip/session_timer.hpp"

#include "protocol/sip/reliable_provisional.hpp"
#include "protocol/sip/text.hpp"

#include <algorithm>

namespace holdfast::sip {

namespace {

std::optional<std::uint32_t> seconds_of(std::string_view text) {
  return text::to_number_saturated(text::trim(text.substr(0, text.find(';'))));
}

bool allows_update(const message& m) {
  return names_option(m, "Allow", "UPDATE");
}

} // namespace

std::string to_string(const session_expires& s) {
  auto text = std::to_string(s.seconds);
  if (s.who != refresher::unsaid)
    text += s.who == refresher::uac ? ";refresher=uac" : ";refresher=uas";
  return text;
}

std::optional<session_expires> session_expires_of(const message& m) {
  const auto line = m.header("Session-Expires");
  const auto seconds = line ? seconds_of(*line) : std::nullopt;
  if (!seconds || *seconds == 0) return std::nullopt;
  session_expires found{*seconds, refresher::unsaid};
  const auto semicolon = line->find(';');
  if (semicolon == line->npos) return found;
  const auto params = parse_params(line->substr(semicolon));
  if (!params) return found;
  const auto who = param_value(*params, "refresher");
  if (text::same(who, "uac")) found.who = refresher::uac;
  if (text::same(who, "uas")) found.who = refresher::uas;
  return found;
}

std::uint32_t min_se_of(const message& m) {
  const auto line = m.header("Min-SE");
  return std::max(line ? seconds_of(*line).value_or(0) : 0, session_minimum_s);
}

std::optional<session_expires> accept_session(const message& request, std::uint32_t wanted_s) {
  const bool supports = names_option(request, "Supported", "timer");
  auto asked = session_expires_of(request);
  if (!asked && wanted_s == 0) return std::nullopt;
  // RFC 4028 9: never longer than the request says, never shorter than Min-SE.
  const auto least = min_se_of(request);
  auto seconds = asked ? asked->seconds : wanted_s;
  if (asked && wanted_s != 0) seconds = std::min(asked->seconds, std::max(wanted_s, least));
  session_expires agreed{std::max(seconds, least), asked ? asked->who : refresher::unsaid};
  if (!supports) agreed.who = refresher::uas; // Table 2: it cannot refresh what it does not know
  if (agreed.who == refresher::unsaid) agreed.who = refresher::uac;
  if (agreed.who == refresher::uas && !allows_update(request)) return std::nullopt;
  return agreed;
}

duration refresh_after(std::uint32_t seconds) {
  return std::chrono::seconds{seconds} / 2;
}

duration expires_after(std::uint32_t seconds) {
  return std::chrono::seconds{seconds - std::min(32U, seconds / 3)};
}

} // namespace holdfast::sip
