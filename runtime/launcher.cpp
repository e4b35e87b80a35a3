#include "runtime/launcher.hpp"

#include "runtime/launcher_node.hpp"
#include "runtime/launcher_preflight.hpp"
#include "runtime/launcher_readiness.hpp"
#include "runtime/node_identity.hpp"
#include "runtime/process_channel.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <fstream>
#include <memory>
#include <poll.h>
#include <stdexcept>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace holdfast::runtime {

using namespace std::chrono_literals;

namespace {

constexpr auto patience_at_end = 2s; // between SIGTERM and SIGKILL

class launcher {
public:
  launcher(configuration c, prepared_launch prepared);
  int run();

private:
  void greet() const;
  void say(const std::string& what) const;

  [[nodiscard]] std::vector<pollfd> watched() const;
  [[nodiscard]] int until_next_deadline() const; // for poll
  void handle(const std::vector<pollfd>& ready);

  void start(supervised_node& node);
  void on_process_end(supervised_node& node);
  void on_order(supervised_node& from);
  void on_signal();
  void on_readiness();
  void tell_coordinators(const process_end& end);

  void stop(int exit_code);
  void kill_all();
  [[nodiscard]] bool all_gone() const;
  [[nodiscard]] std::string end_of_log(const supervised_node& node) const;

  configuration config_;
  prepared_launch prepared_;
  steady::time_point began_ = steady::now();
  file_descriptor signals_;
  std::vector<supervised_node> nodes_;
  std::unique_ptr<readiness_watch> readiness_;
  bool was_ready_ = false;
  bool was_ever_ready_ = false;
  bool stopping_ = false;
  steady::time_point kill_at_;
  int exit_code_ = 0;
};

launcher::launcher(configuration c, prepared_launch prepared)
    : config_{std::move(c)}, prepared_{std::move(prepared)} {
  for (const auto& name : nodes_of(config_)) {
    auto& node = nodes_.emplace_back();
    node.name = name;
    node.log = log_directory(config_) / (node.name + ".log");
    node.start_at = steady::now();
  }

  sigset_t ends;
  ::sigemptyset(&ends);
  for (const int s : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&ends, s);
  ::sigprocmask(SIG_BLOCK, &ends, nullptr);
  signals_ = file_descriptor{::signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK)};
  if (!signals_) throw std::runtime_error{"signalfd: " + describe_errno(errno)};

  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
}

int launcher::run() {
  greet();
  std::vector<endpoint> consoles;
  for (const auto& name : coordinators_of(config_))
    consoles.push_back(console_of_coordinator(config_, name));
  readiness_ = std::make_unique<readiness_watch>(std::move(consoles));
  while (!(stopping_ && all_gone())) {
    for (auto& node : nodes_)
      if (!stopping_ && node.start_at && *node.start_at <= steady::now()) start(node);
    if (stopping_ && steady::now() >= kill_at_) kill_all();
    auto fds = watched();
    if (::poll(fds.data(), fds.size(), until_next_deadline()) > 0) handle(fds);
  }
  say("stopped");
  return exit_code_;
}

void launcher::greet() const {
  const auto& n = config_.nodes;
  std::string sip = (config_.sip.tcp ? "udp, tcp " : "udp ") + to_string(config_.sip.address);
  if (speaks_tls(config_)) sip += ", tls " + to_string(config_.sip.tls);
  if (speaks_websocket(config_)) sip += ", ws " + to_string(config_.sip.websocket);
  std::string console = "http://" + to_string(config_.console.address);
  if (n.coordinators > 1) {
    console += " to ";
    console +=
        std::to_string(console_of_coordinator(config_, coordinators_of(config_).back()).port);
    console += ", one a coordinator";
  }
  const auto coordinators =
      n.coordinators > 1 ? std::to_string(n.coordinators) + " coordinators" : "coordinator";
  std::printf("holdfast: %s, dispatcher, %d %s, %d %s\n"
              "  SIP      %s\n"
              "  console  %s\n"
              "  state    %s (logs in %s)\n",
              coordinators.c_str(), n.proxies, n.proxies == 1 ? "proxy" : "proxies", n.containers,
              n.containers == 1 ? "container" : "containers", sip.c_str(), console.c_str(),
              config_.state.directory.c_str(), log_directory(config_).c_str());
  if (n.containers <= config_.cluster.replicas)
    std::printf("  note: with %d of %d wanted copies beside the owner, calls are less protected\n",
                n.containers - 1, config_.cluster.replicas);
  std::fflush(stdout);
}

void launcher::say(const std::string& what) const {
  const std::chrono::duration<double> elapsed = steady::now() - began_;
  std::printf("%8.2f s  %s\n", elapsed.count(), what.c_str());
  std::fflush(stdout);
}

// signals, readiness, then two per node: its pidfd and its channel. poll ignores -1.
std::vector<pollfd> launcher::watched() const {
  std::vector<pollfd> fds{{signals_.get(), POLLIN, 0}, {readiness_->changed_fd(), POLLIN, 0}};
  for (const auto& node : nodes_) {
    fds.push_back({node.process.get(), POLLIN, 0});
    fds.push_back({node.control.get(), POLLIN, 0});
  }
  return fds;
}

int launcher::until_next_deadline() const {
  auto next = steady::now() + 60s;
  if (stopping_)
    next = kill_at_;
  else
    for (const auto& node : nodes_)
      if (node.start_at) next = std::min(next, *node.start_at);
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(next - steady::now());
  return static_cast<int>(std::clamp<std::int64_t>(wait.count(), 0, 60'000));
}

void launcher::handle(const std::vector<pollfd>& ready) {
  if (ready[0].revents != 0) on_signal();
  if (ready[1].revents != 0) on_readiness();
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    auto& node = nodes_[i];
    // Orders first: they were sent before the end.
    if (ready[2 * i + 3].revents != 0) on_order(node);
    if (ready[2 * i + 2].revents != 0) on_process_end(node);
  }
}

void launcher::start(supervised_node& node) {
  try {
    start_node_process(node, prepared_.configuration_file);
  } catch (const std::exception& e) {
    const auto delay = std::max<std::chrono::milliseconds>(node.backoff.next(0ms), 200ms);
    node.start_at = steady::now() + delay;
    say(node.name + " could not be started: " + e.what());
  }
}

void launcher::on_process_end(supervised_node& node) {
  const auto pid = node.pid;
  const auto up =
      std::chrono::duration_cast<std::chrono::milliseconds>(steady::now() - node.started);
  const auto how = reap_node_process(node);
  tell_coordinators({node.name, pid});
  if (stopping_) return;
  const auto what = node.name + " (pid " + std::to_string(pid) + ") ended: " + how.text();
  if (how.signal == 0 && how.code == exit_misconfigured) {
    say(what);
    std::fprintf(stderr, "holdfast: %s cannot run as configured:\n%s", node.name.c_str(),
                 end_of_log(node).c_str());
    return stop(1);
  }
  const auto delay = node.backoff.next(up);
  node.start_at = steady::now() + delay;
  char wait[48];
  std::snprintf(wait, sizeof wait, "; starting it again in %.1f s",
                std::chrono::duration<double>{delay}.count());
  say(what + (delay == 0ms ? "; starting it again" : wait));
}

void launcher::on_order(supervised_node& from) {
  std::array<char, process_message_bytes_max> bytes{};
  const auto size = ::recv(from.control.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) {
    from.control.close(); // its process is about to end, or does not want to hear from us
    return;
  }
  if (size < 0) return;
  const auto message = decode_process_message({bytes.data(), static_cast<std::size_t>(size)});
  const auto* order = message ? std::get_if<kill_order>(&*message) : nullptr;
  // Only the coordinator gives orders.
  if (order == nullptr || role_of_name(from.name) != cluster::role::coordinator) return;
  const auto target = std::find_if(nodes_.begin(), nodes_.end(), [&](const auto& node) {
    return node.running() && node.name == order->name && node.pid == order->pid;
  });
  if (target == nodes_.end()) {
    // Not ours any more, so it has been waited for: gone for certain.
    send_process_message(from.control.get(), encode(process_end{order->name, order->pid}));
    return;
  }
  say(order->name + " (pid " + std::to_string(order->pid) + ") is killed for the coordinator");
  signal_node_process(*target, SIGKILL);
}

void launcher::on_signal() {
  signalfd_siginfo what{};
  if (::read(signals_.get(), &what, sizeof what) != sizeof what) return;
  if (stopping_) return kill_all();
  say("stopping");
  stop(exit_code_);
}

void launcher::on_readiness() {
  const auto now = readiness_->take();
  if (stopping_ || now.ready == was_ready_) return;
  say(now.ready ? (was_ever_ready_ ? "ready again" : "ready") : "not ready: " + now.reason);
  was_ready_ = now.ready;
  was_ever_ready_ = was_ever_ready_ || now.ready;
}

// A coordinator that is down now asks when it is back, and is answered then.
void launcher::tell_coordinators(const process_end& end) {
  for (const auto& node : nodes_)
    if (node.running() && role_of_name(node.name) == cluster::role::coordinator)
      send_process_message(node.control.get(), encode(end));
}

void launcher::stop(int exit_code) {
  exit_code_ = exit_code;
  stopping_ = true;
  kill_at_ = steady::now() + patience_at_end;
  for (const auto& node : nodes_) {
    signal_node_process(node, SIGTERM);
    signal_node_process(node, SIGCONT); // a stopped process could not obey
  }
}

void launcher::kill_all() {
  for (const auto& node : nodes_) signal_node_process(node, SIGKILL);
  kill_at_ = steady::now() + patience_at_end;
}

bool launcher::all_gone() const {
  return std::none_of(nodes_.begin(), nodes_.end(), [](const auto& n) { return n.running(); });
}

std::string launcher::end_of_log(const supervised_node& node) const {
  std::ifstream in{node.log};
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    lines.push_back("  " + line + '\n');
    if (lines.size() > 5) lines.erase(lines.begin());
  }
  std::string text;
  for (const auto& line : lines) text += line;
  return text;
}

} // namespace

int run_launcher(configuration c) {
  auto prepared = prepare_launch(c);
  if (!prepared) {
    std::fprintf(stderr, "holdfast: %s\n", prepared.error().what.c_str());
    return 1;
  }
  return launcher{std::move(c), std::move(*prepared)}.run();
}

} // namespace holdfast::runtime
