#include "protocol/sip/forwarding_rules.hpp"

#include "protocol/core/keyed_hash.hpp"

#include <algorithm>
#include <array>

namespace holdfast::sip {

namespace {

constexpr std::size_t mark_length = 12;
constexpr std::array telling = {401, 407, 415, 420, 484}; // RFC 3261 16.7 step 6

bool top_route_is(const message& request, const is_own_uri& ours) {
  const auto routes = request.routes();
  return routes && !routes->empty() && ours(routes->front().uri);
}

} // namespace

void take_own_routes(message& request, const is_own_uri& ours) {
  const auto asked = parse_uri(request.request_uri);
  if (asked && asked->has_param("lr") && ours(*asked)) {
    if (const auto routes = request.routes(); routes && !routes->empty()) {
      request.request_uri = to_string(routes->back().uri);
      request.remove("Route");
      for (std::size_t i = 0; i + 1 < routes->size(); ++i)
        request.add("Route", to_string((*routes)[i]));
    }
  }
  while (top_route_is(request, ours)) request.remove_first("Route");
}

std::string route_onwards(message& request) {
  const auto routes = request.routes();
  if (!routes || routes->empty()) return request.request_uri;
  const auto top = routes->front().uri;
  if (top.has_param("lr")) return to_string(top);
  request.remove_first("Route");
  request.add("Route", "<" + request.request_uri + ">");
  request.request_uri = to_string(top);
  return request.request_uri;
}

std::string loop_mark(const message& request) {
  std::string all = request.request_uri + '\n';
  for (const auto* name : {"Route", "Proxy-Require"})
    for (const auto value : request.headers(name)) all.append(value).append("\n");
  all += request.call_id() + '\n' + request.from_tag() + '\n' + request.to_tag() + '\n';
  if (const auto number = request.cseq()) all += std::to_string(number->number);
  return hex_digest(hash_algorithm::sha_256, all).substr(0, mark_length);
}

bool has_looped(const message& request, std::string_view sent_by, std::string_view mark) {
  const auto values = request.headers("Via");
  return std::any_of(values.begin(), values.end(), [&](std::string_view value) {
    const auto hop = parse_via(value);
    return hop && hop->sent_by() == sent_by && hop->branch().ends_with(mark);
  });
}

bool better_response(int a, int b) {
  if (b == 0 || a == b) return b == 0;
  if (a >= 600 || b >= 600) return a >= 600 && b < 600;
  if (a / 100 != b / 100) return a / 100 < b / 100;
  const auto tells = [](int status) {
    return std::find(telling.begin(), telling.end(), status) != telling.end();
  };
  return tells(a) && !tells(b);
}

} // namespace holdfast::sip
