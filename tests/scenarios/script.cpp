#include "tests/scenarios/script.hpp"

#include <fstream>
#include <stdexcept>

namespace scenarios {

namespace {

constexpr const char* dashes = "----";

bool is_prose(const std::string& line) {
  return line.empty() || line.front() == '#';
}

} // namespace

script read_script(const std::filesystem::path& file) {
  std::ifstream in{file};
  if (!in) throw std::runtime_error{file.string() + ": cannot be read"};
  script s;
  step current;
  enum { prose, commands, expected } part = prose;
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    if (part == expected && line.empty()) {
      s.steps.push_back(std::move(current));
      current = {};
      part = prose;
    }
    if (part == expected) {
      current.expected += line + '\n';
    } else if (line == dashes && part == commands) {
      part = expected;
    } else if (part == prose && is_prose(line)) {
      current.prose += line + '\n';
    } else {
      if (part == prose) current.line = number;
      part = commands;
      current.commands.push_back(line);
    }
  }
  if (part == commands)
    throw std::runtime_error{file.string() + ":" + std::to_string(current.line)
                             + ": a step ends with a line of four dashes"};
  if (part == expected)
    s.steps.push_back(std::move(current));
  else
    s.epilogue = std::move(current.prose);
  return s;
}

void write_script(const std::filesystem::path& file, const script& s) {
  std::ofstream out{file, std::ios::trunc};
  for (const auto& each : s.steps) {
    out << each.prose;
    for (const auto& command : each.commands) out << command << '\n';
    out << dashes << '\n' << each.expected;
  }
  out << s.epilogue;
  if (!out.flush()) throw std::runtime_error{file.string() + ": cannot be written"};
}

std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  bool open = false;
  bool quoted = false;
  for (const char c : line) {
    if (c == '\'') {
      quoted = !quoted;
    } else if (c == ' ' && !quoted) {
      open = false;
      continue;
    }
    if (!open) words.emplace_back();
    open = true;
    if (c != '\'') words.back().push_back(c);
  }
  return words;
}

} // namespace scenarios
