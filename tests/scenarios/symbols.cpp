#include "tests/scenarios/symbols.hpp"

#include <algorithm>
#include <array>

namespace scenarios {

namespace {

// A parameter whose value has nothing to read in it, and what it is called instead.
struct opaque_param {
  std::string_view begins; // with this, in the text
  const char* kind;
  char ends; // with this, or at the next delimiter
};

constexpr std::array<opaque_param, 4> opaque_params = {{
    {"branch=", "b", ';'},
    {"cnonce=\"", "cnonce-", '"'},
    {"nonce=\"", "nonce-", '"'},
    {"response=\"", "response-", '"'},
}};

} // namespace

void symbols::add_ring(std::string cluster, holdfast::cluster::token_ring ring) {
  rings_.emplace_back(std::move(cluster), std::move(ring));
}

std::string symbols::name_for(const std::string& kind, std::string_view what) {
  const auto known = names_.find(what);
  if (known != names_.end()) return known->second;
  auto name = kind + std::to_string(++counts_[kind]);
  names_.emplace(what, name);
  return name;
}

std::string symbols::token_at(std::string_view text) {
  for (const auto& [cluster, ring] : rings_)
    if (ring.verify(text))
      return "{"
             + name_for(cluster + "-", text.substr(0, holdfast::cluster::token_ring::token_length))
             + "}";
  return {};
}

std::string symbols::without_tokens(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    if (auto name = token_at(text); !name.empty()) {
      out += name;
      text.remove_prefix(holdfast::cluster::token_ring::token_length);
    } else {
      out.push_back(text.front());
      text.remove_prefix(1);
    }
  }
  return out;
}

std::string symbols::plain(std::string_view text) {
  std::string out;
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto* found = std::find_if(opaque_params.begin(), opaque_params.end(),
                                     [&](const auto& p) { return rest.starts_with(p.begins); });
    if (found == opaque_params.end()) {
      out.push_back(rest.front());
      rest.remove_prefix(1);
      continue;
    }
    out += found->begins;
    rest.remove_prefix(found->begins.size());
    const char ends[] = {found->ends, ',', '\0'};
    const auto size =
        std::min(found->ends == '"' ? rest.find('"') : rest.find_first_of(ends), rest.size());
    out += name_for(found->kind, rest.substr(0, size));
    rest.remove_prefix(size);
  }
  return without_tokens(out);
}

} // namespace scenarios
