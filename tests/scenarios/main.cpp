// Runs every scenario file below this folder: as it stands, and once more while its sessions go
// from node to node. `scenario_tests --rewrite` puts what was printed into the files.
#define DOCTEST_CONFIG_IMPLEMENT
#include "tests/scenarios/rfc3665.hpp"
#include "tests/scenarios/script.hpp"
#include "tests/scenarios/stage.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string_view>

namespace {

using namespace scenarios;

bool rewrite = false;

std::vector<std::filesystem::path> all_files() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator{HOLDFAST_SOURCE_DIR "/tests/scenarios"})
    if (entry.path().extension() == ".txt" && entry.path().filename() != "CMakeLists.txt")
      files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

bool names_the_rfc(const step& s) {
  return s.commands.front().starts_with("rfc3665 ");
}

// Nonces and their counts are in no snapshot: after a move a client is asked again, as it should.
bool can_move(const script& s) {
  return std::none_of(s.steps.begin(), s.steps.end(), [](const step& each) {
    return std::any_of(each.commands.begin(), each.commands.end(),
                       [](const std::string& c) { return c.find(" users=") != c.npos; });
  });
}

std::string played(stage& on, const step& s) {
  std::string printed;
  for (const auto& command : s.commands) printed += on.run(command);
  return printed;
}

void play(const std::filesystem::path& file, bool moving) {
  auto whole = read_script(file);
  if (moving && !can_move(whole)) return;
  stage on{moving};
  for (auto& s : whole.steps) {
    if (names_the_rfc(s) && !text_of_rfc3665()) {
      MESSAGE("skipped: the text of RFC 3665 is not here to compare with");
      continue;
    }
    const auto printed = played(on, s);
    INFO(file.string(), ":", s.line, ": ", s.commands.front());
    if (rewrite && !moving)
      s.expected = printed;
    else
      CHECK(printed == s.expected);
  }
  if (rewrite && !moving) write_script(file, whole);
}

} // namespace

TEST_CASE("scenarios: what is on the wire is what the file says") {
  const auto files = all_files();
  REQUIRE_FALSE(files.empty());
  for (const auto& file : files) {
    SUBCASE(file.filename().c_str()) {
      play(file, false);
    }
  }
}

TEST_CASE("scenarios: it is the same when every session moves after every message") {
  for (const auto& file : all_files()) {
    SUBCASE(file.filename().c_str()) {
      play(file, true);
    }
  }
}

int main(int count, char** words) {
  rewrite = std::find(words, words + count, std::string_view{"--rewrite"}) != words + count;
  doctest::Context context{count, words};
  return context.run();
}
