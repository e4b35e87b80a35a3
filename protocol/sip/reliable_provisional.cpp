#include "protocol/sip/reliable_provisional.hpp"

#include "protocol/sip/text.hpp"
#include "protocol/sip/writer.hpp"

#include <algorithm>
#include <limits>

namespace holdfast::sip {

namespace {

constexpr std::uint64_t number_max = std::numeric_limits<std::uint32_t>::max();

std::string_view next_word(std::string_view& rest) {
  rest = text::trim(rest);
  const auto end = std::min(rest.find_first_of(" \t"), rest.size());
  const auto word = rest.substr(0, end);
  rest.remove_prefix(end);
  return word;
}

} // namespace

std::string to_string(const rack& r) {
  return std::to_string(r.rseq) + " " + std::to_string(r.cseq) + " " + r.method;
}

std::optional<rack> rack_of(const message& prack) {
  const auto line = prack.header("RAck");
  if (!line) return std::nullopt;
  std::string_view rest = *line;
  const auto rseq = text::to_number(next_word(rest), number_max);
  const auto cseq = text::to_number(next_word(rest), number_max);
  const auto method = next_word(rest);
  if (!rseq || !cseq || method.empty()) return std::nullopt;
  return rack{static_cast<std::uint32_t>(*rseq), static_cast<std::uint32_t>(*cseq),
              std::string{method}};
}

std::optional<std::uint32_t> rseq_of(const message& response) {
  const auto line = response.header("RSeq");
  const auto number = line ? text::to_number(text::trim(*line), number_max) : std::nullopt;
  if (!number) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

bool names_option(const message& m, std::string_view header, std::string_view option) {
  const auto values = m.headers(header);
  return std::any_of(values.begin(), values.end(),
                     [&](std::string_view value) { return text::same(value, option); });
}

reliable_provisional::reliable_provisional(const message& response, timer_values timers)
    : response_{to_bytes(response)}, timers_{timers}, rseq_{rseq_of(response).value_or(0)} {
  if (const auto number = response.cseq()) cseq_ = number->number;
}

bool reliable_provisional::matches(const message& prack) const {
  return active_ && rack_of(prack) == rack{rseq_, cseq_, "INVITE"};
}

transaction_effects
reliable_provisional::on(const std::variant<start, from_network, timer_fired>& what, instant) {
  if (std::holds_alternative<start>(what)) {
    active_ = true;
    retransmit_after_ = timers_.t1;
    return {transmit{response_}, start_timer{timer_name::g, timers_.t1},
            start_timer{timer_name::h, 64 * timers_.t1}};
  }
  if (!active_) return {};
  if (std::holds_alternative<from_network>(what)) {
    active_ = false;
    return {stop_timer{timer_name::g}, stop_timer{timer_name::h}, terminated{}};
  }
  if (std::get<timer_fired>(what).timer == timer_name::h) {
    active_ = false;
    return {timed_out{}, terminated{}};
  }
  retransmit_after_ = std::min(2 * retransmit_after_, 64 * timers_.t1); // which ends it anyway
  return {transmit{response_}, start_timer{timer_name::g, retransmit_after_}};
}

} // namespace holdfast::sip
