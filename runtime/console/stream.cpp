#include "runtime/console/stream.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/json.hpp>

#include <utility>

namespace holdfast::runtime {

namespace beast = boost::beast;
namespace websocket = beast::websocket;
namespace json = boost::json;

void sampler::get(const std::string& target, done ready) {
  const auto now = std::chrono::steady_clock::now();
  const auto known = samples_.find(target);
  if (known == samples_.end() && samples_.size() >= targets_max) return;
  auto& s = samples_[target];
  if (s.text && now - s.at < fresh) return ready(s.text);
  if (!s.waiting.empty() && now - s.at > patience) s.waiting.clear(); // that answer never came
  s.waiting.push_back(std::move(ready));
  if (s.waiting.size() > 1) return; // asked already
  s.at = now;
  from_(target, [this, target](unsigned status, std::string body) {
    const auto found = samples_.find(target);
    if (found == samples_.end()) return;
    auto text = R"({"path":)" + json::serialize(json::value(target)) + R"(,"status":)"
                + std::to_string(status) + R"(,"body":)" + std::move(body) + "}";
    found->second.text = std::make_shared<const std::string>(std::move(text));
    for (const auto waiting = std::exchange(found->second.waiting, {}); const auto& w : waiting)
      w(found->second.text);
  });
}

void sampler::forget_old() {
  const auto now = std::chrono::steady_clock::now();
  std::erase_if(samples_, [now](const auto& s) {
    return s.second.waiting.empty() && now - s.second.at > 10 * fresh;
  });
}

stream::stream(boost::asio::ip::tcp::socket socket, sampler& samples, std::size_t& open)
    : socket_{std::move(socket)}, samples_{samples}, open_{open} {
  ++open_;
}

stream::~stream() {
  --open_;
}

void stream::run(beast::http::request<beast::http::string_body> upgrade) {
  upgrade_ = std::move(upgrade);
  websocket::stream_base::timeout limits{};
  limits.handshake_timeout = std::chrono::seconds{5};
  limits.idle_timeout = silence_max;
  limits.keep_alive_pings = true;
  socket_.set_option(limits);
  socket_.read_message_max(frame_bytes_max);
  socket_.async_accept(upgrade_, [self = shared_from_this()](beast::error_code e) {
    if (e) return;
    self->accepted_ = true;
    self->read();
  });
}

void stream::read() {
  socket_.async_read(buffer_, [self = shared_from_this()](beast::error_code e, std::size_t) {
    if (e) return; // closed, timed out, or too long: the last holder lets it go
    self->on_message();
    self->buffer_.consume(self->buffer_.size());
    self->read();
  });
}

// {"watch": [targets]}: in place of what was watched before. Anything else is ignored.
void stream::on_message() {
  json::error_code wrong;
  const auto said = json::parse(beast::buffers_to_string(buffer_.data()), wrong);
  if (wrong || !said.is_object()) return;
  const auto* watch = said.as_object().if_contains("watch");
  if (watch == nullptr || !watch->is_array()) return;
  std::map<std::string, std::size_t> next;
  for (const auto& item : watch->as_array()) {
    if (!item.is_string() || item.as_string().size() > path_bytes_max) continue;
    const auto target = json::value_to<std::string>(item);
    if (!target.starts_with("/api/v1/") || next.size() >= watched_max) continue;
    const auto known = watched_.find(target);
    next[target] = known == watched_.end() ? 0 : known->second;
  }
  watched_ = std::move(next);
  std::erase_if(pending_, [this](const auto& p) { return !watched_.contains(p.first); });
  tick();
}

void stream::tick() {
  if (!accepted_ || writing_) return; // too slow: it misses this one
  std::vector<std::string> targets;
  for (const auto& [target, sent] : watched_) targets.push_back(target);
  for (const auto& target : targets)
    samples_.get(target, [weak = weak_from_this(), target](const sampler::message& text) {
      if (const auto self = weak.lock()) self->offer(target, text);
    });
}

void stream::offer(const std::string& target, const sampler::message& text) {
  const auto watched = watched_.find(target);
  if (watched == watched_.end()) return;
  const auto hash = std::hash<std::string>{}(*text);
  if (hash == watched->second) return;
  watched->second = hash;
  pending_[target] = text;
  write_next();
}

void stream::write_next() {
  if (writing_ || pending_.empty()) return;
  writing_ = true;
  under_way_ = pending_.begin()->second;
  pending_.erase(pending_.begin());
  socket_.text(true);
  socket_.async_write(boost::asio::buffer(*under_way_),
                      [self = shared_from_this()](beast::error_code e, std::size_t) {
                        self->writing_ = false;
                        self->under_way_.reset();
                        if (!e) self->write_next();
                      });
}

} // namespace holdfast::runtime
