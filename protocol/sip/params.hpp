// ";name=value" parameters of URIs and header fields, in the order and spelling they came in.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::sip {

struct param {
  std::string name;
  std::optional<std::string> value; // as written: a quoted string keeps its quotes; nullopt: no '='

  friend bool operator==(const param&, const param&) = default;
};

using param_list = std::vector<param>;

// Names are compared without regard to case. nullptr: not there.
[[nodiscard]] const param* find_param(const param_list& params, std::string_view name);

// The value of a parameter; "" when it is absent or has none.
[[nodiscard]] std::string_view param_value(const param_list& params, std::string_view name);

// Replaces the first of that name, or appends.
void set_param(param_list& params, std::string_view name, std::optional<std::string> value);
void remove_param(param_list& params, std::string_view name);

// ";a=b;c"; empty for none.
[[nodiscard]] std::string to_string(const param_list& params);

// Reads ";a=b ; c" with any white space around ';' and '='. nullopt: empty parameter, a name that
// is no token, an unterminated quoted string. `text` must begin with ';' or be blank.
[[nodiscard]] std::optional<param_list> parse_params(std::string_view text);

template <class F>
void describe(F& f, param& x) {
  f(1, x.name);
  f(2, x.value);
}

} // namespace holdfast::sip
