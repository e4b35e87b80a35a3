// configuration -> TOML, for the file that `launch` hands to its nodes.
#include "runtime/configuration_keys.hpp"

#include <cstdio>
#include <type_traits>

namespace holdfast::runtime {
namespace {

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c));
      out += escaped;
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string text_of(bool x) {
  return x ? "true" : "false";
}
std::string text_of(const std::string& x) {
  return in_quotes(x);
}
std::string text_of(const std::filesystem::path& x) {
  return in_quotes(x.string());
}
std::string text_of(const endpoint& x) {
  return in_quotes(x.host.empty() ? "" : to_string(x));
}
std::string text_of(milliseconds x) {
  return std::to_string(x.count());
}
std::string text_of(std::uint16_t x) {
  return std::to_string(x);
}
std::string text_of(std::uint32_t x) {
  return std::to_string(x);
}

std::string text_of(const std::vector<std::string>& x) {
  std::string out = "[";
  for (const auto& item : x) out += (out.size() > 1 ? ", " : "") + in_quotes(item);
  return out + ']';
}

std::string text_of(const std::map<std::string, std::string>& x) {
  std::string out = "{";
  for (const auto& [key, value] : x)
    out += (out.size() > 1 ? ", " : " ") + in_quotes(key) + " = " + in_quotes(value);
  return out + (x.empty() ? "}" : " }");
}

class write_visitor {
public:
  void section(std::string_view name) {
    out += (out.empty() ? "[" : "\n[") + std::string{name} + "]\n";
  }
  template <class T, class... Limits>
  void operator()(std::string_view name, const T& value, const Limits&...) {
    out += std::string{name} + " = " + text_of(value) + '\n';
  }
  template <class Choices>
  void one_of(std::string_view name, const std::string& value, const Choices&) {
    (*this)(name, value);
  }

  std::string out;
};

} // namespace

std::string write_configuration(const configuration& c) {
  write_visitor write;
  describe_keys(write, c);
  for (const auto& entry : c.applications) {
    write.out += "\n[[application]]\n";
    describe_application_keys(write, entry);
  }
  // No rule at all is something else than the default rules.
  if (c.applications.empty()) write.out = "application = []\n\n" + write.out;
  return write.out;
}

} // namespace holdfast::runtime
