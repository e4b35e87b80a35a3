#include "protocol/sip/params.hpp"

#include "protocol/sip/text.hpp"

#include <algorithm>

namespace holdfast::sip {

namespace {

// Wide enough for generic-param names and for the param-unreserved of URIs.
bool is_name_char(char c) {
  return text::is_token_char(c) || std::string_view{"[]/:&+$()"}.find(c) != std::string_view::npos;
}

bool is_value_char(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte > ' ' && byte != 0x7f
         && std::string_view{"\"<>,;="}.find(c) == std::string_view::npos;
}

bool is_value(std::string_view v) {
  if (v.empty()) return false;
  if (v.front() == '"') return text::after_quoted(v, 0) == v.size();
  // '=' may stand inside a value (base64 padding), not at its start.
  return v.front() != '='
         && std::all_of(v.begin(), v.end(), [](char c) { return c == '=' || is_value_char(c); });
}

std::optional<param> parse_param(std::string_view item) {
  const auto equals = item.find('=');
  const auto name = text::trim(item.substr(0, equals));
  if (name.empty() || !std::all_of(name.begin(), name.end(), is_name_char)) return std::nullopt;
  if (equals == std::string_view::npos) return param{std::string{name}, std::nullopt};
  const auto value = text::trim(item.substr(equals + 1));
  if (!is_value(value)) return std::nullopt;
  return param{std::string{name}, std::string{value}};
}

template <class List>
auto find_in(List& params, std::string_view name) {
  return std::find_if(params.begin(), params.end(),
                      [&](const param& p) { return text::same(p.name, name); });
}

} // namespace

const param* find_param(const param_list& params, std::string_view name) {
  const auto it = find_in(params, name);
  return it == params.end() ? nullptr : &*it;
}

std::string_view param_value(const param_list& params, std::string_view name) {
  const auto* found = find_param(params, name);
  return found != nullptr && found->value ? std::string_view{*found->value} : std::string_view{};
}

void set_param(param_list& params, std::string_view name, std::optional<std::string> value) {
  const auto it = find_in(params, name);
  if (it == params.end())
    params.push_back(param{std::string{name}, std::move(value)});
  else
    it->value = std::move(value);
}

void remove_param(param_list& params, std::string_view name) {
  std::erase_if(params, [&](const param& p) { return text::same(p.name, name); });
}

std::string to_string(const param_list& params) {
  std::string out;
  for (const auto& p : params) {
    out += ';';
    out += p.name;
    if (p.value) out += "=" + *p.value;
  }
  return out;
}

std::optional<param_list> parse_params(std::string_view in) {
  param_list out;
  in = text::trim(in);
  while (!in.empty()) {
    if (in.front() != ';') return std::nullopt;
    in.remove_prefix(1);
    const auto end = std::min(text::find_unquoted(in, ';'), in.size());
    auto next = parse_param(text::trim(in.substr(0, end)));
    if (!next) return std::nullopt;
    out.push_back(std::move(*next));
    in.remove_prefix(end);
  }
  return out;
}

} // namespace holdfast::sip
