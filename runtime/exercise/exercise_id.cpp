#include "runtime/exercise/exercise_id.hpp"

#include "protocol/sip/text.hpp"

#include <array>
#include <charconv>

namespace holdfast::exercise {

namespace {

constexpr std::string_view line_prefix = "x-exercise-id:";

std::string run_prefix(std::uint64_t run) {
  std::array<char, 17> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), run, 16).ptr;
  return std::string{digits.data(), end} + "-";
}

} // namespace

std::string make_exercise_id(std::uint64_t run, std::uint32_t call, char end, std::uint32_t count) {
  return run_prefix(run) + std::to_string(call) + "-" + end + std::to_string(count);
}

std::optional<std::uint32_t> call_of(std::string_view id, std::uint64_t run) {
  const auto prefix = run_prefix(run);
  if (!id.starts_with(prefix)) return std::nullopt;
  id.remove_prefix(prefix.size());
  const auto number = sip::text::to_number(id.substr(0, id.find('-')), UINT32_MAX);
  if (!number) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

std::string find_exercise_id(const sip::message& m) {
  if (const auto header = m.header(id_header)) return std::string{sip::text::trim(*header)};
  const auto at = m.body.find(line_prefix);
  if (at == std::string::npos) return {};
  const auto start = at + line_prefix.size();
  return m.body.substr(start, m.body.find_first_of("\r\n", start) - start);
}

std::string id_line(std::string_view id) {
  return std::string{line_prefix} + std::string{id};
}

} // namespace holdfast::exercise
