#include "runtime/file_ledger.hpp"
#include "tests/runtime/temporary_directory.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <future>
#include <memory>
#include <sstream>
#include <string>

using namespace holdfast;
using namespace holdfast::runtime;

namespace {

result<std::optional<ledger_content>> load(file_ledger& ledger) {
  std::promise<result<std::optional<ledger_content>>> answer;
  ledger.load([&](const auto& held) { answer.set_value(held); });
  return answer.get_future().get();
}

// What it holds; a number that no ledger has stands for an error.
ledger_content held(file_ledger& ledger) {
  const auto answer = load(ledger);
  if (!answer) return {~0ULL, answer.error().what};
  return answer->value_or(ledger_content{});
}

result<std::uint64_t> write(file_ledger& ledger, std::uint64_t number, const std::string& bytes) {
  std::promise<result<std::uint64_t>> answer;
  ledger.compare_and_swap(number, bytes, [&](const auto& w) { answer.set_value(w); });
  return answer.get_future().get();
}

std::string content_of(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

void put(const std::filesystem::path& file, const std::string& bytes) {
  std::ofstream{file, std::ios::binary | std::ios::trunc} << bytes;
}

} // namespace

TEST_CASE("ledger: what was written is there after a restart") {
  const temporary_directory home;
  const auto file = home.path() / "state" / "ledger";
  {
    file_ledger ledger{file};
    CHECK(held(ledger) == ledger_content{});
    CHECK(write(ledger, 1, "first"));
    CHECK(write(ledger, 2, std::string{"second\n\0", 8}));
  }
  file_ledger again{file};
  CHECK(held(again) == ledger_content{2, std::string{"second\n\0", 8}});
  CHECK(write(again, 3, "third"));
}

TEST_CASE("ledger: only the number after the current one is written") {
  const temporary_directory home;
  file_ledger ledger{home.path() / "ledger"};
  for (const std::uint64_t wrong : {0, 2, 7}) CHECK_FALSE(write(ledger, wrong, "x"));
  REQUIRE(write(ledger, 1, "one"));
  for (const std::uint64_t wrong : {0, 1, 3}) CHECK_FALSE(write(ledger, wrong, "x"));
  CHECK(held(ledger) == ledger_content{1, "one"});
}

TEST_CASE("ledger: without a file it is memory with the same rule") {
  file_ledger ledger{std::nullopt};
  CHECK(write(ledger, 1, "one"));
  CHECK_FALSE(write(ledger, 1, "again"));
  CHECK(held(ledger) == ledger_content{1, "one"});
}

TEST_CASE("ledger: a damaged file is an error, not an empty ledger, and is not written over") {
  const temporary_directory home;
  const auto file = home.path() / "ledger";
  const auto good = encode_ledger_file({7, "the view"});
  auto flipped = good;
  flipped.back() = static_cast<char>(flipped.back() ^ 1);
  auto renumbered = good;
  renumbered[renumbered.find('7')] = '8';
  const std::string rows[] = {"",         "garbage",  flipped,
                              renumbered, good + "x", good.substr(0, good.size() / 2)};
  for (const auto& row : rows) {
    put(file, row);
    file_ledger ledger{file};
    const auto loaded = load(ledger);
    REQUIRE_FALSE(loaded);
    CHECK(loaded.error().what.find(file.string()) != std::string::npos);
    CHECK_FALSE(write(ledger, 8, "x"));
    CHECK_FALSE(write(ledger, 1, "x"));
    CHECK(content_of(file) == row);
  }
  CHECK(decode_ledger_file(good).value() == ledger_content{7, "the view"});
  for (std::size_t n = 0; n < good.size(); ++n) CHECK_FALSE(decode_ledger_file(good.substr(0, n)));
}

TEST_CASE("ledger: killed at any byte of a write it holds the old content") {
  const temporary_directory home;
  const auto file = home.path() / "ledger";
  {
    file_ledger ledger{file};
    REQUIRE(write(ledger, 1, "old"));
  }
  const auto next = encode_ledger_file({2, "new"});
  for (std::size_t n = 0; n <= next.size(); ++n) {
    put(home.path() / "ledger.new", next.substr(0, n)); // as far as it came before the rename
    file_ledger ledger{file};
    CHECK(held(ledger) == ledger_content{1, "old"});
  }
  std::filesystem::rename(home.path() / "ledger.new", file); // killed right after it
  file_ledger ledger{file};
  CHECK(held(ledger) == ledger_content{2, "new"});
  CHECK(write(ledger, 3, "newer"));
}

TEST_CASE("ledger: a write that fails is said, and the ledger stays where it was") {
  const temporary_directory home;
  const auto file = home.path() / "ledger";
  file_ledger ledger{file};
  REQUIRE(write(ledger, 1, "one"));
  std::filesystem::create_directory(home.path() / "ledger.new"); // in the way
  const auto failed = write(ledger, 2, "two");
  REQUIRE_FALSE(failed);
  CHECK(failed.error().what.find("ledger.new") != std::string::npos);
  CHECK(held(ledger) == ledger_content{1, "one"});
  std::filesystem::remove(home.path() / "ledger.new");
  CHECK(write(ledger, 2, "two"));
}

TEST_CASE("ledger: two processes do not share one") {
  const temporary_directory home;
  const auto file = home.path() / "ledger";
  auto first = std::make_unique<file_ledger>(file);
  CHECK_THROWS_AS(file_ledger{file}, std::runtime_error);
  first.reset();
  CHECK_NOTHROW(file_ledger{file});
}
