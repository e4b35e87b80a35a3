#include "runtime/launcher_node.hpp"

#include "runtime/process_channel.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <vector>

namespace holdfast::runtime {

using namespace std::chrono_literals;

namespace {

constexpr std::uintmax_t log_bytes_max = 64U << 20; // then the log starts again, with one kept

[[noreturn]] void fail_with_errno(const std::string& what) {
  throw std::system_error{errno, std::generic_category(), what};
}

file_descriptor open_log(const std::filesystem::path& file) {
  std::error_code absent;
  if (std::filesystem::file_size(file, absent) > log_bytes_max && !absent)
    std::filesystem::rename(file, file.string() + ".1");
  file_descriptor fd{::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640)};
  if (fd.get() < 0) fail_with_errno("log " + file.string());
  return fd;
}

// By which this process was started; "" when that can not be told.
const std::string own_path = [] {
  std::error_code unreadable;
  return std::filesystem::read_symlink("/proc/self/exe", unreadable).string();
}();

// Between fork and exec only what is safe after a fork with other threads around.
[[noreturn]] void become_node(pid_t launcher, int log, int control, char* const* arguments) {
  ::setsid();
  // The parent may have ended before the request for its death: then nobody would tell us.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != launcher) ::_exit(1);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const int nothing = ::open("/dev/null", O_RDONLY);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::fcntl(control, F_SETFD, 0);
  ::execv(own_path.c_str(), arguments); // which may have been replaced by a later version
  ::execv("/proc/self/exe", arguments);
  ::_exit(127);
}

} // namespace

std::chrono::milliseconds restart_backoff::next(std::chrono::milliseconds was_up) {
  if (was_up >= 2s) delay_ = 0ms;
  const auto now = delay_;
  delay_ = std::clamp(delay_ * 2, std::chrono::milliseconds{200}, std::chrono::milliseconds{5000});
  return now;
}

std::string process_exit::text() const {
  if (signal == 0) return "exit code " + std::to_string(code);
  return "killed by signal " + std::to_string(signal) + " (" + ::strsignal(signal) + ')';
}

void start_node_process(supervised_node& node, const std::filesystem::path& configuration_file) {
  const auto log = open_log(node.log);
  auto [ours, theirs] = make_process_channel();
  std::vector<std::string> words{"holdfast",
                                 "node",
                                 node.name,
                                 "--config",
                                 configuration_file.string(),
                                 "--control-fd",
                                 std::to_string(theirs.get())};
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  const auto launcher = ::getpid();
  const auto pid = ::fork();
  if (pid < 0) fail_with_errno("fork");
  if (pid == 0) become_node(launcher, log.get(), theirs.get(), arguments.data());

  // No reuse of the PID before we reap it, so this is our child for certain.
  file_descriptor process{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
  if (process.get() < 0) {
    const int why = errno;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    errno = why;
    fail_with_errno("pidfd_open");
  }
  node.pid = pid;
  node.process = std::move(process);
  node.control = std::move(ours);
  node.started = steady::now();
  node.start_at.reset();
}

process_exit reap_node_process(supervised_node& node) {
  int status = 0;
  while (::waitpid(node.pid, &status, 0) < 0 && errno == EINTR) {
  }
  node.pid = 0;
  node.process = {};
  node.control = {};
  process_exit how;
  if (WIFSIGNALED(status))
    how.signal = WTERMSIG(status);
  else
    how.code = WEXITSTATUS(status);
  return how;
}

void signal_node_process(const supervised_node& node, int signal) {
  if (node.running()) ::syscall(SYS_pidfd_send_signal, node.process.get(), signal, nullptr, 0);
}

} // namespace holdfast::runtime
