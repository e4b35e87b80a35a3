// The network of a scenario: elements and phones by name, one clock, and the trace of what they
// send. The commands are in README.md.
#pragma once

#include "tests/scenarios/element.hpp"
#include "tests/scenarios/phone.hpp"
#include "tests/scenarios/rfc3665.hpp"
#include "tests/scenarios/symbols.hpp"

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace scenarios {

class stage {
public:
  // `moving`: after every message each session goes to another node by its snapshot.
  explicit stage(bool moving = false) : moving_{moving} {}

  // What the command puts on the wire, as text; an error is text too, "error: ...".
  [[nodiscard]] std::string run(const std::string& command);

private:
  using arguments = std::vector<std::string>;

  struct in_flight {
    std::string from;
    flow source;
    flow to;
    std::string bytes;
  };

  void interpret(const std::string& command);
  void make_cluster(const arguments& words);
  void make_phone(const arguments& words);
  void compare_with_rfc(const arguments& words);
  void tell_what_is_left();
  void say(const std::string& who, const arguments& words);
  void wait(const std::string& time);

  void put(const std::string& from, const flow& source, const flow& to, const std::string& bytes);
  void settle();
  void settle_clock(instant until);
  void record(const in_flight& m);
  [[nodiscard]] std::string owner_of(const flow& to) const; // "nobody" when there is none

  const bool moving_;
  instant now_{1h};
  std::map<std::string, element> elements_;
  std::map<std::string, phone> phones_;
  std::map<std::string, flow> places_;       // name of an element or phone -> its address
  std::map<std::string, std::string> hosts_; // host name or address -> name of its owner
  std::set<std::string> cut_off_;
  std::deque<in_flight> wire_;
  std::vector<std::string> shown_; // header fields
  std::vector<ladder_line> ladder_;
  std::string trace_;
  symbols symbols_;
};

} // namespace scenarios
