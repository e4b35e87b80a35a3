#include "runtime/configuration.hpp"
#include "runtime/configuration_environment.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

using namespace holdfast;
using namespace holdfast::runtime;

namespace {

std::string documentation() {
  std::ifstream in{HOLDFAST_SOURCE_DIR "/config/holdfast.toml"};
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string problems_of(std::string_view toml) {
  std::string text;
  for (const auto& problem : read_configuration(toml, "f").problems)
    text += to_string(problem) + '\n';
  return text;
}

} // namespace

TEST_CASE("configuration: the documented file is exactly the defaults") {
  const auto read = read_configuration(documentation(), "holdfast.toml");
  CHECK(read.problems.empty());
  CHECK(read.value == configuration{});
}

TEST_CASE("configuration: an empty file is exactly the defaults") {
  const auto read = read_configuration("", "empty");
  CHECK(read.ok());
  CHECK(read.value == configuration{});
}

TEST_CASE("configuration: every key is documented, in the order of the parser") {
  std::vector<std::string> documented;
  std::string section;
  std::istringstream lines{documentation()};
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("[["))
      section = line.substr(2, line.find(']') - 2);
    else if (line.starts_with("["))
      section = line.substr(1, line.find(']') - 1);
    else if (const auto equals = line.find(" = "); equals != line.npos && line[0] != '#')
      documented.push_back(section + '.' + line.substr(0, equals));
  }
  // [[application]] is documented once per default rule.
  const auto keys = configuration_keys();
  REQUIRE(documented.size() >= keys.size());
  documented.resize(keys.size());
  CHECK(documented == keys);
}

TEST_CASE("configuration: the default rules are those of the sessions") {
  const auto ours = session_rules(configuration{});
  const auto theirs = session::default_rules();
  REQUIRE(ours.size() == theirs.size());
  for (std::size_t i = 0; i < ours.size(); ++i) {
    CHECK(ours[i].application == theirs[i].application);
    CHECK(ours[i].methods == theirs[i].methods);
    CHECK(ours[i].domains == theirs[i].domains);
    CHECK(ours[i].users == theirs[i].users);
    CHECK(ours[i].settings == theirs[i].settings);
  }
  CHECK(check_applications(configuration{}, "defaults").empty());
}

TEST_CASE("configuration: the file for SIPp is without a problem") {
  const auto read = read_configuration_file(HOLDFAST_SOURCE_DIR "/config/sipp.toml");
  CHECK(read.ok());
  CHECK(check_applications(read.value, "sipp.toml").empty());
}

TEST_CASE("configuration: what is written reads back the same") {
  configuration c;
  c.cluster.shards = 64;
  c.cluster.domains = {"example.com", "a \"quoted\" \\ one\n"};
  c.sip.advertised = {"192.0.2.1", 5060};
  c.sip.address = {"::1", 5062};
  c.console.allow_remote = true;
  c.failure.lease = milliseconds{120};
  c.applications = {{.name = "x",
                     .application = "b2bua",
                     .methods = {},
                     .domains = {"d"},
                     .users = {},
                     .settings = {{"target", "127.0.0.1:5090"}, {"odd key", "1"}}}};
  CHECK(read_configuration(write_configuration(c), "w").value == c);
  c.applications.clear();
  const auto without = read_configuration(write_configuration(c), "w");
  CHECK(without.ok());
  CHECK(without.value == c);
}

TEST_CASE("configuration: a problem names file, line and what to write instead") {
  struct row {
    const char* toml;
    const char* message;
  };
  const row rows[] = {
      {"[cluster]\nshard = 3\n",
       "f:2: [cluster] unknown key shard; write shards (did you mean that?)\n"},
      {"[cluster]\nshards = 0\n",
       "f:2: [cluster] shards is 0, outside of 1 to 4096; write shards = 256\n"},
      {"[cluster]\nshards = \"many\"\n",
       "f:2: [cluster] shards is a text, not a whole number; write shards = 256\n"},
      {"[clutser]\n", "f:1: unknown section clutser; write cluster (did you mean that?)\n"},
      {"cluster = 3\n", "f:1: cluster is a whole number, not a section; write [cluster]\n"},
      {"[sip]\naddress = \"127.0.0.1\"\n",
       "f:2: [sip] address \"127.0.0.1\" has no port; write address = \"127.0.0.1:5060\"\n"},
      {"[log]\nlevel = \"inof\"\n",
       "f:2: [log] level is \"inof\"; write info (did you mean that?)\n"},
      {"[console]\nallow_remote = 1\n",
       "f:2: [console] allow_remote is a whole number, not true or false; write allow_remote = "
       "false\n"},
      {"[[application]]\nname = \"a\"\napplication = \"b2bua\"\n[[application]]\nname = \"a\"\n"
       "application = \"answer\"\n",
       "f:4: [[application]] name \"a\" is there twice; write name = \"a-2\"\n"},
      {"[[application]]\nname = \"a\"\n",
       "f:1: [[application]] \"a\" does not say which application; write application = "
       "\"b2bua\"\n"},
      {"[cluster]\ndomains = \"example.com\"\n",
       "f:2: [cluster] domains is a text, not a list of texts; write domains = [\"...\"]\n"},
      {"[state]\ndirectory = \"\"\n",
       "f:2: [state] directory is empty; write directory = \"state\"\n"},
      {"[console]\naddress = \"192.0.2.1:8080\"\n",
       "f: [console] address 192.0.2.1:8080 is reachable from other machines, and the console asks "
       "for no password; write address = \"127.0.0.1:8080\", or allow_remote = true if it is "
       "protected otherwise\n"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.toml);
    CHECK(problems_of(row.toml) == row.message);
  }
}

TEST_CASE("configuration: every problem is reported, in the order of the file") {
  const auto read =
      read_configuration("[sip]\nadress = \"x\"\n[cluster]\nshards = -1\nreplicas = 9\n"
                         "[nodes]\nproxies = 1.5\n",
                         "f");
  REQUIRE(read.problems.size() == 4);
  CHECK(read.problems[0].line == 2);
  CHECK(read.problems[1].line == 4);
  CHECK(read.problems[2].line == 5);
  CHECK(read.problems[3].line == 7);
  CHECK(read.value.cluster == cluster_section{});
}

TEST_CASE("configuration: broken TOML names its line") {
  const auto read = read_configuration("[cluster]\nshards = = 3\n", "f");
  REQUIRE(read.problems.size() == 1);
  CHECK(read.problems[0].line == 2);
}

TEST_CASE("configuration: a file that is not there is a problem, not an exception") {
  CHECK_FALSE(read_configuration_file("/nonexistent/holdfast.toml").ok());
  CHECK_FALSE(read_configuration_file("/").ok());
}

TEST_CASE("configuration: unknown applications and settings are named") {
  configuration c;
  c.applications[0].application = "registar";
  c.applications[2].settings["no_such_setting"] = "1";
  const auto problems = check_applications(c, "f");
  REQUIRE(problems.size() == 2);
  CHECK(to_string(problems[0]).find("registrar") != std::string::npos);
  CHECK(to_string(problems[1]).find("no_such_setting") != std::string::npos);
}
