#include "protocol/core/flow.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace holdfast {

namespace {

constexpr std::array<std::string_view, 5> names = {"UDP", "TCP", "TLS", "WS", "WSS"};
constexpr std::array<std::string_view, 5> short_names = {"udp", "tcp", "tls", "ws", "wss"};

bool same_word(std::string_view a, std::string_view lower) {
  return std::equal(a.begin(), a.end(), lower.begin(), lower.end(), [](char x, char y) {
    return (x >= 'A' && x <= 'Z' ? static_cast<char>(x - 'A' + 'a') : x) == y;
  });
}

std::size_t index_of(transport t) {
  const auto i = static_cast<std::size_t>(t);
  return i < names.size() ? i : 0;
}

} // namespace

std::string_view to_string(transport t) {
  return names[index_of(t)];
}

std::optional<transport> transport_of(std::string_view name) {
  for (std::size_t i = 0; i < short_names.size(); ++i)
    if (same_word(name, short_names[i])) return static_cast<transport>(i);
  return std::nullopt;
}

std::string to_string(const flow& f) {
  auto text = to_string(static_cast<const endpoint&>(f));
  if (!f.reliable()) return text;
  text.append(";").append(short_names[index_of(f.over)]);
  if (!f.connection.empty()) text.append(";").append(f.connection);
  return text;
}

result<flow> parse_flow(std::string_view text) {
  const auto address_ends = text.find(';');
  auto address = parse_endpoint(text.substr(0, address_ends));
  if (!address) return tl::make_unexpected(address.error());
  if (address_ends == std::string_view::npos) return flow{std::move(*address)};
  text.remove_prefix(address_ends + 1);
  const auto transport_ends = text.find(';');
  const auto over = transport_of(text.substr(0, transport_ends));
  if (!over) return fail("a flow with an unknown transport");
  flow parsed{std::move(*address), *over};
  if (transport_ends != std::string_view::npos) parsed.connection = text.substr(transport_ends + 1);
  return parsed;
}

} // namespace holdfast
