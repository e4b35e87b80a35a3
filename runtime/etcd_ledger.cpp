#include "runtime/etcd_ledger.hpp"

#include "runtime/file_ledger.hpp"
#include "runtime/http_client.hpp"

#include <boost/json.hpp>
#include <openssl/evp.h>

#include <charconv>
#include <stdexcept>
#include <utility>

namespace holdfast::runtime {

namespace json = boost::json;

namespace {

std::string to_base64(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  std::string bytes(3 * (text.size() / 4) + 1, '\0');
  const int length = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
  if (length < 0) return std::nullopt;
  auto size = static_cast<std::size_t>(length);
  for (std::size_t i = 1; i <= 2 && i <= text.size(); ++i)
    if (text[text.size() - i] == '=') --size;
  bytes.resize(size);
  return bytes;
}

// The gateway writes 64-bit numbers as texts, and leaves out what is zero.
std::int64_t number_at(const json::object& in, std::string_view name) {
  const auto* value = in.if_contains(name);
  if (value == nullptr) return 0;
  if (const auto* number = value->if_int64()) return *number;
  const auto* text = value->if_string();
  std::int64_t number = 0;
  if (text != nullptr) std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

struct key_value {
  std::string value;
  std::int64_t revision = 0;
};

// Of an answer to range, alone or inside a txn's; nullopt: the key is not there.
std::optional<key_value> first_key_value(const json::object& range) {
  const auto* all = range.if_contains("kvs");
  if (all == nullptr || !all->is_array() || all->get_array().empty()) return std::nullopt;
  const auto* first = all->get_array().front().if_object();
  if (first == nullptr) return std::nullopt;
  const auto* value = first->if_contains("value");
  auto bytes = value != nullptr && value->is_string() ? from_base64(value->get_string()) : "";
  if (!bytes) return std::nullopt;
  return key_value{std::move(*bytes), number_at(*first, "mod_revision")};
}

result<json::object> parsed(const result<std::string>& answer) {
  if (!answer) return tl::make_unexpected(answer.error());
  boost::system::error_code wrong;
  auto value = json::parse(*answer, wrong);
  if (wrong || !value.is_object()) return fail("etcd answered what is no JSON object");
  return std::move(value.get_object());
}

} // namespace

etcd_ledger::etcd_ledger(etcd_options options)
    : options_{std::move(options)}, ledger_key_{to_base64(options_.prefix + "/ledger")} {
  if (options_.servers.empty()) throw std::runtime_error("no etcd server to keep the ledger at");
  thread_ = std::thread{[this] { run(); }};
}

etcd_ledger::~etcd_ledger() {
  stop();
}

void etcd_ledger::load(load_callback done) {
  enqueue([this, done = std::move(done)] { done(read()); });
}

void etcd_ledger::compare_and_swap(std::uint64_t number, std::string bytes, write_callback done) {
  enqueue([this, number, bytes = std::move(bytes), done = std::move(done)] {
    done(write(number, bytes));
  });
}

void etcd_ledger::enqueue(std::function<void()> job) {
  const std::lock_guard lock{mutex_};
  if (stopped_) return;
  jobs_.push_back(std::move(job));
  changed_.notify_one();
}

void etcd_ledger::stop() {
  {
    const std::lock_guard lock{mutex_};
    stopped_ = true;
    jobs_.clear();
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void etcd_ledger::run() {
  std::unique_lock lock{mutex_};
  for (;;) {
    changed_.wait(lock, [this] { return stopped_ || !jobs_.empty(); });
    if (stopped_) return;
    const auto job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    lock.lock();
  }
}

result<std::optional<ledger_content>> etcd_ledger::read() {
  held_.reset();
  const auto answer = parsed(ask("range", json::serialize(json::object{{"key", ledger_key_}})));
  if (!answer) return tl::make_unexpected(answer.error());
  const auto found = first_key_value(*answer);
  if (!found) {
    held_ = held{};
    return std::optional<ledger_content>{};
  }
  auto content = decode_ledger_file(found->value);
  if (!content) return fail("the ledger in etcd is damaged: " + content.error().what);
  held_ = held{content->number, found->revision};
  return std::optional{std::move(*content)};
}

result<std::uint64_t> etcd_ledger::write(std::uint64_t number, const std::string& bytes) {
  if (!held_)
    if (const auto now = read(); !now) return tl::make_unexpected(now.error());
  if (number != held_->number + 1)
    return fail("the ledger is at " + std::to_string(held_->number) + ", so "
                + std::to_string(number) + " lost the race");
  const auto value = to_base64(encode_ledger_file({number, bytes}));
  const json::object txn{
      {"compare", json::array{json::object{{"key", ledger_key_},
                                           {"target", "MOD"},
                                           {"result", "EQUAL"},
                                           {"mod_revision", std::to_string(held_->revision)}}}},
      {"success", json::array{json::object{
                      {"request_put", json::object{{"key", ledger_key_}, {"value", value}}}}}}};
  held_.reset(); // until the outcome is certain
  const auto answer = parsed(ask("txn", json::serialize(txn)));
  if (!answer) return tl::make_unexpected(answer.error());
  const auto* succeeded = answer->if_contains("succeeded");
  if (succeeded == nullptr || !succeeded->is_bool() || !succeeded->get_bool())
    return fail("another was first");
  const auto* header = answer->if_contains("header");
  const auto revision =
      header != nullptr && header->is_object() ? number_at(header->get_object(), "revision") : 0;
  if (revision > 0) held_ = held{number, revision};
  return number;
}

// From the server that answered last; the next one when it does not.
result<std::string> etcd_ledger::ask(const std::string& what, const std::string& json) {
  std::string why;
  for (std::size_t i = 0; i < options_.servers.size(); ++i) {
    const auto& server = options_.servers[server_ % options_.servers.size()];
    auto answer = http_request("POST", server, "/v3/kv/" + what, options_.time_out, json);
    if (answer && answer->status == 200) return std::move(answer->body);
    const auto reason =
        answer ? "status " + std::to_string(answer->status) + ": " + answer->body.substr(0, 200)
               : answer.error().what;
    why += (why.empty() ? "" : "; ") + reason;
    ++server_;
  }
  return fail("etcd does not answer: " + why);
}

} // namespace holdfast::runtime
