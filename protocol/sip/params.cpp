#include "protocol/sip/params.hpp"

#include "protocol/sip/params_view.hpp"
#include "protocol/sip/text.hpp"

#include <algorithm>

namespace holdfast::sip {

namespace {

std::size_t skip_blanks(std::string_view in, std::size_t at) {
  while (at < in.size() && text::is_blank(in[at])) ++at;
  return at;
}

// The end of the value that begins at `at`; npos: it is malformed.
std::size_t end_of_value(std::string_view in, std::size_t at) {
  if (at < in.size() && in[at] == '"') return text::after_quoted(in, at);
  auto end = text::skip(in, at, text::param_value_char);
  if (end == at) return std::string_view::npos;
  // '=' may stand inside a value (base64 padding), not at its start.
  while (end < in.size() && in[end] == '=') end = text::skip(in, end + 1, text::param_value_char);
  return end;
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

bool params_view::next(std::size_t& at, param_view& p) const {
  auto i = skip_blanks(text_, at);
  if (i == text_.size()) {
    at = i;
    return false;
  }
  if (text_[i] != ';') return false;
  const auto begin = skip_blanks(text_, i + 1);
  i = text::skip(text_, begin, text::param_name_char);
  if (i == begin) return false;
  p = {text_.substr(begin, i - begin), {}, false};
  i = skip_blanks(text_, i);
  if (i < text_.size() && text_[i] == '=') {
    const auto value = skip_blanks(text_, i + 1);
    const auto end = end_of_value(text_, value);
    if (end == std::string_view::npos) return false;
    p.value = text_.substr(value, end - value);
    p.has_value = true;
    i = skip_blanks(text_, end);
  }
  if (i < text_.size() && text_[i] != ';') return false;
  at = i;
  return true;
}

std::string_view params_view::check(std::string_view wanted, std::string_view& value) const {
  param_view p;
  std::size_t at = 0;
  bool seen = false;
  for (std::size_t n = 0; next(at, p); ++n) {
    if (n >= params_max && (n > params_max || !has("received"))) return "too many parameters";
    if (seen || !text::same(p.name, wanted)) continue;
    value = p.value;
    seen = true;
  }
  return at == text_.size() ? std::string_view{} : std::string_view{"malformed parameters"};
}

bool params_view::find(std::string_view name, param_view& found) const {
  for (std::size_t at = 0; next(at, found);)
    if (text::same(found.name, name)) return true;
  return false;
}

bool params_view::has(std::string_view name) const {
  param_view p;
  return find(name, p);
}

std::string_view params_view::value(std::string_view name) const {
  param_view p;
  return find(name, p) ? p.value : std::string_view{};
}

param_list copy_of(const params_view& params) {
  param_list out;
  param_view p;
  for (std::size_t at = 0; params.next(at, p);) {
    auto& made = out.emplace_back(param{std::string{p.name}, std::nullopt});
    if (p.has_value) made.value = text::unfolded(p.value);
  }
  return out;
}

std::optional<param_list> parse_params(std::string_view in) {
  const params_view view{in};
  if (!view.check().empty()) return std::nullopt;
  return copy_of(view);
}

} // namespace holdfast::sip
