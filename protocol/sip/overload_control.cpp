#include "protocol/sip/overload_control.hpp"

#include "protocol/sip/message.hpp"
#include "protocol/sip/text.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <optional>

namespace holdfast::sip {

namespace {

constexpr std::string_view algorithm = "\"loss\"";

// Place and length of the first Via value. The bytes are our own: names in their usual spelling.
std::optional<std::pair<std::size_t, std::size_t>> top_via_in(std::string_view bytes) {
  constexpr std::string_view name = "\r\nVia: ";
  const auto end_of_head = bytes.find("\r\n\r\n");
  const auto found = bytes.substr(0, end_of_head).find(name);
  if (found == std::string_view::npos) return std::nullopt;
  const auto begin = found + name.size();
  const auto end = bytes.find("\r\n", begin);
  const auto values = split_list(bytes.substr(begin, end - begin));
  if (values.empty()) return std::nullopt;
  return std::pair{static_cast<std::size_t>(values.front().data() - bytes.data()),
                   values.front().size()};
}

double number_in(std::string_view text) {
  double value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ec == std::errc{} ? value : 0;
}

} // namespace

std::string offer_overload_control(std::string request) {
  const auto at = top_via_in(request);
  if (at && request.substr(at->first, at->second).find(";oc") == std::string::npos)
    request.insert(at->first + at->second, ";oc;oc-algo=" + std::string{algorithm});
  return request;
}

std::string ask_for_reduction(std::string response, unsigned loss_percent, duration validity,
                              instant now) {
  const auto at = top_via_in(response);
  if (!at) return response;
  const auto text = std::string_view{response}.substr(at->first, at->second);
  if (text.find(";oc") == std::string_view::npos) return response;
  auto top = parse_via(text);
  const auto* offered = top ? find_param(top->params, "oc") : nullptr;
  if (offered == nullptr || offered->value) return response;
  // RFC 7339 4.2: one of the algorithms that the client named; "loss" everybody has to have.
  const auto algorithms = param_value(top->params, "oc-algo");
  if (!algorithms.empty() && algorithms.find("loss") == std::string_view::npos) return response;
  using namespace std::chrono;
  const auto ms = duration_cast<milliseconds>(now.time_since_epoch()).count();
  char seq[32];
  std::snprintf(seq, sizeof seq, "%lld.%03lld", static_cast<long long>(ms / 1000),
                static_cast<long long>(ms % 1000));
  set_param(top->params, "oc", std::to_string(std::min(loss_percent, 100u)));
  set_param(top->params, "oc-algo", std::string{algorithm});
  // RFC 7339 4.3: a validity of 0 ends it.
  set_param(top->params, "oc-validity",
            std::to_string(loss_percent == 0 ? 0 : duration_cast<milliseconds>(validity).count()));
  set_param(top->params, "oc-seq", std::string{seq});
  response.replace(at->first, at->second, to_string(*top));
  return response;
}

void neighbours::heard(const endpoint& from, const via& top, instant now) {
  const auto* oc = find_param(top.params, "oc");
  if (oc == nullptr || !oc->value) return;
  if (const auto how = param_value(top.params, "oc-algo");
      !how.empty() && how.find("loss") == std::string_view::npos)
    return;
  const auto seq = number_in(param_value(top.params, "oc-seq"));
  const auto known = wishes_.find(from);
  // RFC 7339 4.4: an older wish than the one we have came late.
  if (known != wishes_.end() && known->second.until > now && seq < known->second.seq) return;
  const auto loss = static_cast<unsigned>(std::clamp(number_in(*oc->value), 0.0, 100.0));
  auto validity = validity_default;
  if (const auto* given = find_param(top.params, "oc-validity"); given != nullptr && given->value)
    validity = std::chrono::milliseconds{
        static_cast<std::int64_t>(std::clamp(number_in(*given->value), 0.0, 3'600'000.0))};
  if (loss == 0 || validity == duration{}) {
    if (known != wishes_.end()) wishes_.erase(known);
    return;
  }
  if (known == wishes_.end() && wishes_.size() >= neighbours_max)
    wishes_.erase(
        std::min_element(wishes_.begin(), wishes_.end(), [](const auto& a, const auto& b) {
          return a.second.until < b.second.until;
        }));
  wishes_[from] = {loss, seq, now + validity};
}

bool neighbours::sheds(const endpoint& to, std::uint64_t random, instant now) const {
  const auto known = wishes_.find(to);
  return known != wishes_.end() && now < known->second.until
         && random % 100 < known->second.loss_percent;
}

} // namespace holdfast::sip
