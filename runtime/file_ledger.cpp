#include "runtime/file_ledger.hpp"

#include "protocol/core/keyed_hash.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <stdexcept>
#include <sys/file.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace holdfast::runtime {

namespace {

constexpr std::string_view magic = "holdfast-ledger 1";

std::string checksum(const ledger_content& content) {
  constexpr std::string_view digits = "0123456789abcdef";
  const auto digest = hmac_sha256(magic, std::to_string(content.number) + ' ' + content.bytes);
  std::string text;
  for (const char c : digest) {
    text += digits[static_cast<unsigned char>(c) >> 4];
    text += digits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

// Consumes a word and the space before it.
std::string_view take_word(std::string_view& line) {
  if (line.empty() || line.front() != ' ') return {};
  line.remove_prefix(1);
  const auto word = line.substr(0, line.find(' '));
  line.remove_prefix(word.size());
  return word;
}

std::optional<std::uint64_t> to_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::filesystem::path with_suffix(const std::filesystem::path& file, const char* suffix) {
  auto named = file;
  named += suffix;
  return named;
}

std::filesystem::path directory_of(const std::filesystem::path& file) {
  return file.has_parent_path() ? file.parent_path() : std::filesystem::path{"."};
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

// nullopt and errno: it can not be read.
std::optional<std::string> read_all(int fd) {
  std::string bytes;
  std::array<char, 65'536> buffer{};
  for (;;) {
    const auto got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) return bytes;
    bytes.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

result<std::uint64_t> replace_file(const std::filesystem::path& file,
                                   const ledger_content& content) {
  const auto refuse = [](const char* what, const std::filesystem::path& path) {
    return fail(std::string{"cannot "} + what + ' ' + path.string() + ": " + describe_errno(errno));
  };
  const auto fresh = with_suffix(file, ".new");
  file_descriptor fd{::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
  if (!fd) return refuse("open", fresh);
  if (!write_all(fd.get(), encode_ledger_file(content))) return refuse("write", fresh);
  if (::fsync(fd.get()) != 0) return refuse("sync", fresh);
  if (::rename(fresh.c_str(), file.c_str()) != 0) return refuse("rename", fresh);
  const auto directory = directory_of(file);
  const file_descriptor parent{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!parent || ::fsync(parent.get()) != 0) return refuse("sync", directory);
  return content.number;
}

} // namespace

std::string encode_ledger_file(const ledger_content& content) {
  return std::string{magic} + ' ' + std::to_string(content.number) + ' '
         + std::to_string(content.bytes.size()) + ' ' + checksum(content) + '\n' + content.bytes;
}

result<ledger_content> decode_ledger_file(std::string_view file) {
  const auto end = file.find('\n');
  auto line = file.substr(0, end);
  if (end == std::string_view::npos || !line.starts_with(magic))
    return fail("it does not begin with the header of a ledger");
  line.remove_prefix(magic.size());
  const auto number = to_number(take_word(line));
  const auto length = to_number(take_word(line));
  const auto sum = take_word(line);
  if (!number || !length || !line.empty()) return fail("its header is malformed");
  const auto bytes = file.substr(end + 1);
  if (bytes.size() != *length)
    return fail("it holds " + std::to_string(bytes.size()) + " bytes where its header says "
                + std::to_string(*length));
  ledger_content content{*number, std::string{bytes}};
  if (checksum(content) != sum) return fail("its checksum does not fit its content");
  return content;
}

file_ledger::file_ledger(std::optional<std::filesystem::path> file) : file_{std::move(file)} {
  if (file_) {
    lock_file();
    read_file();
  }
  thread_ = std::thread{[this] { run(); }};
}

file_ledger::~file_ledger() {
  stop();
}

void file_ledger::lock_file() {
  std::error_code code;
  std::filesystem::create_directories(directory_of(*file_), code);
  const auto path = with_suffix(*file_, ".lock");
  lock_ = file_descriptor{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  if (!lock_)
    throw std::runtime_error("cannot open the ledger's lock " + path.string() + ": "
                             + describe_errno(errno));
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0)
    throw std::runtime_error("another process holds the ledger " + file_->string()
                             + ": is a second coordinator running on it?");
}

void file_ledger::read_file() {
  const file_descriptor fd{::open(file_->c_str(), O_RDONLY | O_CLOEXEC)};
  const auto bytes = fd ? read_all(fd.get()) : std::nullopt;
  if (bytes) {
    auto content = decode_ledger_file(*bytes);
    if (content)
      held_ = std::move(*content);
    else
      held_ = fail("the ledger " + file_->string() + " is damaged: " + content.error().what);
  } else if (errno != ENOENT) {
    held_ = fail("the ledger " + file_->string() + " cannot be read: " + describe_errno(errno));
  }
}

void file_ledger::load(load_callback done) {
  const std::lock_guard lock{mutex_};
  if (stopped_) return;
  jobs_.emplace_back([this, done = std::move(done)] { done(held_); });
  changed_.notify_one();
}

void file_ledger::compare_and_swap(std::uint64_t number, std::string bytes, write_callback done) {
  const std::lock_guard lock{mutex_};
  if (stopped_) return;
  jobs_.emplace_back([this, number, bytes = std::move(bytes), done = std::move(done)] {
    done(write(number, bytes));
  });
  changed_.notify_one();
}

void file_ledger::stop() {
  {
    const std::lock_guard lock{mutex_};
    stopped_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void file_ledger::run() {
  std::unique_lock lock{mutex_};
  for (;;) {
    changed_.wait(lock, [this] { return stopped_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    const auto job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    lock.lock();
  }
}

result<std::uint64_t> file_ledger::write(std::uint64_t number, const std::string& bytes) {
  if (!held_) return fail(held_.error().what);
  const auto current = *held_ ? (*held_)->number : 0;
  if (number != current + 1)
    return fail("the ledger is at " + std::to_string(current) + ", so " + std::to_string(number)
                + " lost the race");
  ledger_content next{number, bytes};
  if (file_)
    if (auto written = replace_file(*file_, next); !written) return written;
  held_ = std::move(next);
  return number;
}

} // namespace holdfast::runtime
