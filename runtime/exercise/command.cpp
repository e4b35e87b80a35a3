#include "runtime/exercise/command.hpp"

#include "protocol/sip/text.hpp"
#include "protocol/sip/transport_rules.hpp"
#include "runtime/exercise/loop.hpp"
#include "runtime/exercise/plan.hpp"
#include "runtime/exercise/report.hpp"
#include "runtime/exercise/udp_socket.hpp"

#include <CLI/CLI.hpp>

#include <chrono>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <random>

namespace holdfast::runtime {

namespace {

using namespace exercise;

constexpr int exit_violations = 1;
constexpr int exit_could_not_run = 3;

struct flags {
  plan wanted;
  std::string uri;
  bool direct = false;
  std::string bind;
  double hold_s = 5;
  double settle_s = 1;
  double window_s = 2;
  double timeout_s = 0;
  std::uint32_t ring_ms = 50;
  std::string fault_at{"established"};
  std::string fault_command;
  std::string header;
  std::string json_file;
  std::string password_file;
  std::uint32_t connections = 10;
  bool verbose = false;
};

duration seconds(double value) {
  return duration{static_cast<std::int64_t>(value * 1e6)};
}

void take_header(flags& f) {
  if (f.header.empty()) return;
  const auto colon = f.header.find(':');
  const std::string name{sip::text::trim(std::string_view{f.header}.substr(0, colon))};
  if (colon == std::string::npos || !sip::text::is_token(name))
    throw CLI::ValidationError("--header", "write it as \"Name: value\"");
  f.wanted.header =
      sip::header_field{name, std::string{sip::text::trim(f.header.substr(colon + 1))}};
  if (f.wanted.header_every == 0) f.wanted.header_every = 1;
}

// The URI says where, and with its user whom.
void take_uri(flags& f) {
  auto& p = f.wanted;
  if (f.direct) {
    if (!f.uri.empty()) throw CLI::ValidationError("--direct", "takes no URI");
    p.registers = false;
    return;
  }
  const auto parsed = sip::parse_uri(f.uri);
  if (!parsed || !parsed->is_sip())
    throw CLI::ValidationError("URI", "write it as sip:HOST:PORT or sip:USER@HOST:PORT");
  const auto where = sip::target_of(*parsed);
  if (!where || (where->over != transport::udp && where->over != transport::tcp))
    throw CLI::ValidationError("URI", "only UDP and TCP are spoken here");
  p.target = *where;
  p.over = where->over;
  p.target_host = sip::text::host_port_text(parsed->host, parsed->port);
  p.own_callees = parsed->user.empty();
  p.target_uri = f.uri;
}

void take_fault_time(flags& f) {
  if (f.fault_at == "established") return;
  double after = 0;
  if (!CLI::detail::lexical_cast(f.fault_at, after) || after < 0)
    throw CLI::ValidationError("--fault-at", "write it as \"established\" or in seconds");
  if (!f.wanted.fault) throw CLI::ValidationError("--fault-at", "give --fault-command as well");
  f.wanted.fault_after = seconds(after);
}

void take_values(flags& f) {
  auto& p = f.wanted;
  p.hold = seconds(f.hold_s);
  p.settle = seconds(f.settle_s);
  p.probe_window = seconds(f.window_s);
  p.timeout = seconds(f.timeout_s);
  p.ring = std::chrono::milliseconds{f.ring_ms};
  p.fault = !f.fault_command.empty();
  take_fault_time(f);
  if (p.extra_calls != 0 && !p.fault)
    throw CLI::ValidationError("--extra-calls", "they arrive after a fault: give --fault-command");
  if (p.seed == 0) p.seed = std::random_device{}() | 1U;
  if (!f.password_file.empty()) {
    std::ifstream in{f.password_file};
    if (!std::getline(in, p.password) || p.password.empty())
      throw CLI::ValidationError("--password-file", "no password in " + f.password_file);
  }
  take_header(f);
  take_uri(f);
}

void write_json(const flags& f, const std::string& text) {
  if (f.json_file.empty()) return;
  std::ofstream out{f.json_file};
  if (!(out << text)) std::cerr << "holdfast: cannot write " << f.json_file << '\n';
}

int could_not_run(const flags& f, const std::string& why) {
  std::cerr << "holdfast: " << why << '\n';
  std::string quoted;
  for (const char c : why)
    if (c != '"' && c != '\\' && static_cast<unsigned char>(c) >= 0x20) quoted += c;
  write_json(f, "{\"clean\": false, \"error\": \"" + quoted + "\"}\n");
  return exit_could_not_run;
}

int exercise_once(flags& f) {
  auto& p = f.wanted;
  if (f.direct)
    p.target = {f.bind.empty() ? "127.0.0.1" : f.bind, 0};
  else
    p.target = resolve(p.target);
  const auto host = f.bind.empty() ? source_address_for(p.target) : f.bind;
  const auto callers = open_wire(p.over, {host, 0}, f.connections);
  const auto callees = open_wire(p.over, {host, 0}, f.connections);
  p.caller_address = callers->local();
  p.callee_address = callees->local();
  if (f.direct) {
    p.target = callees->local();
    p.target_host = sip::text::host_port_text(p.target.host, p.target.port);
  }
  run r{p};
  if (f.verbose) std::cerr << "seed " << p.seed << '\n';
  const auto outcome = drive(r, *callers, *callees, f.fault_command, f.verbose);
  if (!r.obstacle().empty()) return could_not_run(f, r.obstacle());
  const auto v = decide(r.seen());
  constexpr std::size_t all = 100;
  std::cout << table(v, r.seen(), f.verbose ? all : 3);
  write_json(f, json(v, outcome.fault_time_ms, outcome.fault_exit));
  if (!v.clean()) return exit_violations;
  if (outcome.fault_exit.value_or(0) != 0) {
    std::cerr << "holdfast: the fault command failed with exit code " << *outcome.fault_exit
              << '\n';
    return exit_could_not_run;
  }
  return 0;
}

void add_call_flags(CLI::App& c, flags& f) {
  auto& p = f.wanted;
  c.add_option("URI", f.uri, "sip:HOST:PORT (own callees register there) or sip:USER@HOST:PORT");
  c.add_flag("--direct", f.direct, "Callers call callees with nothing in between: a self-test");
  c.add_option("--bind", f.bind, "Numeric address of our sockets")->type_name("ADDRESS");
  c.add_option("--connections", f.connections, "Over TCP: how many of each party share its calls")
      ->capture_default_str()
      ->check(CLI::Range(1U, 10000U));
  c.add_option("--calls", p.calls)->capture_default_str()->check(CLI::Range(1U, 100000U));
  c.add_option("--rate", p.rate, "Calls per second")
      ->capture_default_str()
      ->check(CLI::Range(0.01, 10000.0));
  c.add_option("--hold", f.hold_s, "Seconds in the call; after a fault: from the probe on")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  c.add_option("--ring", f.ring_ms, "Milliseconds from 180 to 200")->capture_default_str();
  c.add_option("--callees", p.callees, "Addresses of record to register; 0: min(calls, 200)");
  c.add_option("--expires", p.expires_s, "Seconds a registration lasts")->capture_default_str();
  c.add_option("--password-file", f.password_file,
               "Answer digest challenges as the user in From, with the password in this file")
      ->type_name("FILE");
  c.add_option("--bye", p.bye, "Who hangs up: caller, callee or both in turn")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, hang_up_side>{{"caller", hang_up_side::caller},
                                              {"callee", hang_up_side::callee},
                                              {"both", hang_up_side::both}}));
  c.add_option("--probe", p.probe, "In-dialog request: info, reinvite, options, update or mix")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, probe_kind>{{"info", probe_kind::info},
                                            {"reinvite", probe_kind::reinvite},
                                            {"options", probe_kind::options},
                                            {"update", probe_kind::update},
                                            {"mix", probe_kind::mix}}));
  c.add_option("--cancel-every", p.cancel_every,
               "Every K-th caller cancels half-way through the ringing; 0: none")
      ->capture_default_str();
  c.add_option("--repeat-2xx-every", p.repeat_success_every,
               "Every K-th callee repeats its 2xx after the ACK; 0: none")
      ->capture_default_str();
}

void add_fault_flags(CLI::App& c, flags& f) {
  auto& p = f.wanted;
  c.add_option(
       "--fault-at", f.fault_at,
       "established: when all calls are, and then each is probed; or seconds after the first "
       "call, in the midst of them")
      ->capture_default_str();
  c.add_option("--fault-command", f.fault_command, "Run by /bin/sh; its start is the fault");
  c.add_option("--settle", f.settle_s, "Seconds from the last call's ACK to the fault")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  c.add_option("--probe-window", f.window_s, "Seconds over which all calls are probed")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  c.add_option("--extra-calls", p.extra_calls, "New calls after the fault, at --rate");
  c.add_option("--header", f.header, "\"Name: value\" on requests of some calls");
  c.add_option("--header-every", p.header_every, "On every K-th call")->check(CLI::PositiveNumber);
  c.add_option("--header-on", p.header_on, "invite, in-dialog or both")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, header_place>{{"invite", header_place::invite},
                                              {"in-dialog", header_place::in_dialog},
                                              {"both", header_place::both}}));
  c.add_option("--json", f.json_file, "Write the verdict there")->type_name("FILE");
  c.add_option("--seed", p.seed, "Of tags, branches and Call-IDs; 0: a new one");
  c.add_option("--timeout", f.timeout_s, "Overall bound in seconds; 0: from the other values");
  c.add_flag("--verbose", f.verbose, "Progress on standard error; up to 100 violations in full");
}

} // namespace

void add_exercise_command(CLI::App& app, int& exit_code) {
  auto* c = app.add_subcommand("exercise", "Place calls as real SIP user agents, and judge them");
  auto f = std::make_shared<flags>();
  add_call_flags(*c, *f);
  add_fault_flags(*c, *f);
  c->callback([f, &exit_code] {
    take_values(*f);
    try {
      exit_code = exercise_once(*f);
    } catch (const std::exception& e) {
      exit_code = could_not_run(*f, e.what());
    }
  });
}

} // namespace holdfast::runtime
