#include "runtime/console.hpp"

#include "protocol/core/keyed_hash.hpp"
#include "runtime/console/assets.hpp"
#include "runtime/console/stream.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/json.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <iterator>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

namespace holdfast::runtime {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;

std::string error_json(std::string_view what) {
  return boost::json::serialize(boost::json::object{{"error", what}});
}

namespace {

using request = http::request<http::string_body>;

std::string_view to_view(beast::string_view text) {
  return {text.data(), text.size()};
}

bool iequals(std::string_view a, std::string_view b) {
  return beast::iequals({a.data(), a.size()}, {b.data(), b.size()});
}

console_reply refusal(unsigned status, std::string_view what) {
  return {status, error_json(what)};
}

// A name that a browser was talked into resolving to loopback is not one of ours (DNS rebinding).
bool host_is_ours(std::string_view host, const console_options& options) {
  const auto parsed = parse_endpoint(host);
  if (!parsed) return false;
  for (const auto name : {"localhost", "127.0.0.1", "::1", options.address.host.c_str()})
    if (iequals(parsed->host, name)) return true;
  for (const auto& name : options.hosts)
    if (iequals(parsed->host, name)) return true;
  return false;
}

// A page from elsewhere may make a browser POST here, but it cannot forge the Origin.
bool origin_is_ours(const request& r) {
  const auto origin = to_view(r[http::field::origin]);
  if (origin.empty()) return true; // no browser
  const auto host = to_view(r[http::field::host]);
  return iequals(origin, "http://" + std::string{host})
         || iequals(origin, "https://" + std::string{host});
}

struct wanted_operation {
  console_backend::operation what{};
  std::string node;
  std::uint16_t shard = 0;
};

// "/api/v1/drain/container-1", "/api/v1/move/17/container-1"; nullopt: nothing of the kind.
std::optional<wanted_operation> operation_of(std::string_view path) {
  using enum console_backend::operation;
  constexpr std::string_view root = "/api/v1/";
  if (!path.starts_with(root)) return std::nullopt;
  path.remove_prefix(root.size());
  const auto word = path.substr(0, path.find('/'));
  path.remove_prefix(std::min(word.size() + 1, path.size()));
  constexpr std::pair<std::string_view, console_backend::operation> words[] = {
      {"kill", kill}, {"drain", drain}, {"undrain", undrain}, {"move", move}};
  const auto* known = std::find_if(std::begin(words), std::end(words),
                                   [&](const auto& each) { return each.first == word; });
  if (known == std::end(words)) return std::nullopt;
  wanted_operation wanted{known->second, {}, 0};
  if (wanted.what == move) {
    const auto* const end = path.data() + path.size();
    const auto [rest, error] = std::from_chars(path.data(), end, wanted.shard);
    if (error != std::errc{} || rest == end || *rest != '/') return std::nullopt;
    path.remove_prefix(static_cast<std::size_t>(rest - path.data()) + 1);
  }
  if (path.empty() || path.find('/') != std::string_view::npos) return std::nullopt;
  wanted.node = path;
  return wanted;
}

// In constant time: the token can not be guessed byte by byte.
bool token_fits(const request& r, const console_options& options) {
  constexpr std::string_view scheme = "Bearer ";
  const auto given = to_view(r[http::field::authorization]);
  return !options.token.empty() && given.starts_with(scheme)
         && equal_in_constant_time(given.substr(scheme.size()), options.token);
}

constexpr std::chrono::milliseconds sampling_interval{500};

} // namespace

struct console::server : std::enable_shared_from_this<server> {
  server(console_options o, std::shared_ptr<console_backend> b)
      : options{std::move(o)}, backend{std::move(b)}, acceptor{context} {}

  void listen();
  void accept();
  void route(const request& r, console_backend::done reply);
  void operate(const request& r, const console_query& query, console_backend::done reply);
  void read(std::string_view path, const console_query& query, console_backend::done reply);
  [[nodiscard]] std::string counters_text() const;
  [[nodiscard]] bool from_our_page(const request& r);
  [[nodiscard]] const asset* file_for(const request& r) const;
  void open_stream(tcp::socket socket, request upgrade);
  void sample();

  console_options options;
  std::shared_ptr<console_backend> backend;
  std::size_t open = 0; // touched in the console's thread only
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> malformed{0};
  std::atomic<std::uint64_t> refused{0};
  std::size_t streams_open = 0; // as `open`
  sampler samples{[this](const std::string& target, auto ready) { sample_of(target, ready); }};
  std::thread thread;
  asio::io_context context{1}; // owns the connections: their handlers hold them
  tcp::acceptor acceptor;
  asio::steady_timer sampling{context};
  std::atomic<std::uint64_t> streams_shown{0};
  std::vector<std::weak_ptr<stream>> streams;

  void sample_of(const std::string& target, std::function<void(unsigned, std::string)> ready);

  class connection;
};

class console::server::connection : public std::enable_shared_from_this<connection> {
public:
  connection(tcp::socket socket, server& owner)
      : stream_{std::move(socket)}, owner_{owner}, patience_{owner.context} {
    ++owner_.open;
  }
  ~connection() { --owner_.open; }

  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  void read() {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(owner_.options.header_bytes_max));
    parser_->body_limit(owner_.options.body_bytes_max);
    stream_.expires_after(owner_.options.idle_max);
    http::async_read(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](beast::error_code e, std::size_t) { self->on_read(e); });
  }

private:
  void on_read(beast::error_code e) {
    if (e == http::error::end_of_stream || e == beast::error::timeout
        || e == asio::error::operation_aborted || e == asio::error::connection_reset)
      return;
    ++owner_.requests;
    if (e) {
      ++owner_.malformed;
      keep_alive_ = false;
      const auto status = e == http::error::body_limit     ? 413U
                          : e == http::error::header_limit ? 431U
                                                           : 400U;
      return write(refusal(status, e.message()));
    }
    const auto& asked = parser_->get();
    if (boost::beast::websocket::is_upgrade(asked)) {
      if (asked.target() == "/api/v1/stream" && owner_.from_our_page(asked)
          && owner_.streams_open < owner_.options.streams_max)
        return owner_.open_stream(stream_.release_socket(), parser_->release());
      ++owner_.refused;
      keep_alive_ = false;
      return write(refusal(403, "no stream for this page, or too many of them"));
    }
    keep_alive_ = asked.keep_alive();
    file_ = owner_.file_for(asked);
    if (file_ != nullptr) return write_file(asked);
    head_ = asked.method() == http::verb::head;
    answer_pending_ = true;
    stream_.expires_never();
    patience_.expires_after(owner_.options.answer_max);
    // This timer is what keeps the connection while an answer is awaited.
    patience_.async_wait([self = shared_from_this()](beast::error_code waited) {
      if (!waited) self->reply(refusal(504, "the coordinator did not answer in time"));
    });
    // `done` may come from any thread, and when connection and console are gone.
    owner_.route(asked,
                 [weak = weak_from_this(), server = owner_.weak_from_this()](console_reply answer) {
                   const auto owner = server.lock();
                   if (!owner) return;
                   asio::post(owner->context, [weak, answer = std::move(answer)]() mutable {
                     if (const auto self = weak.lock()) self->reply(std::move(answer));
                   });
                 });
  }

  void reply(console_reply answer) {
    if (!answer_pending_) return;
    answer_pending_ = false;
    patience_.cancel();
    write(std::move(answer));
  }

  void begin_response(unsigned status, std::string_view type, std::string_view caching) {
    response_ = {};
    response_.version(11);
    response_.result(status);
    response_.set(http::field::server, "holdfast");
    response_.set(http::field::content_type, {type.data(), type.size()});
    response_.set(http::field::cache_control, {caching.data(), caching.size()});
    response_.set(http::field::x_frame_options, "DENY");
    response_.set("X-Content-Type-Options", "nosniff");
    response_.set("Referrer-Policy", "no-referrer");
    response_.set(
        "Content-Security-Policy",
        "default-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'");
    response_.keep_alive(keep_alive_);
  }

  void write(console_reply answer) {
    begin_response(answer.status, answer.type, "no-store");
    if (answer.status == 405) response_.set(http::field::allow, "GET, HEAD, POST");
    response_.body() = std::move(answer.json);
    if (!response_.body().ends_with('\n')) response_.body() += '\n';
    send();
  }

  void write_file(const request& asked) {
    head_ = asked.method() == http::verb::head;
    const bool known = to_view(asked[http::field::if_none_match]) == file_->etag;
    const bool packed =
        to_view(asked[http::field::accept_encoding]).find("gzip") != std::string_view::npos;
    begin_response(known ? 304U : 200U, file_->type, "no-cache");
    response_.set(http::field::etag, {file_->etag.data(), file_->etag.size()});
    response_.set(http::field::vary, "Accept-Encoding");
    if (packed && !known) response_.set(http::field::content_encoding, "gzip");
    if (!known) response_.body() = packed ? file_->gzip : file_->plain;
    send();
  }

  void send() {
    response_.prepare_payload();
    if (head_) response_.body().clear();
    stream_.expires_after(owner_.options.idle_max);
    http::async_write(stream_, response_,
                      [self = shared_from_this()](beast::error_code e, std::size_t) {
                        if (e) return;
                        if (self->keep_alive_) return self->read();
                        beast::error_code ignored;
                        self->stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
                      });
  }

  beast::tcp_stream stream_;
  server& owner_;
  asio::steady_timer patience_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> response_;
  bool answer_pending_ = false;
  bool keep_alive_ = false;
  bool head_ = false;
  const asset* file_ = nullptr;
};

void console::server::listen() {
  const auto address = asio::ip::make_address(
      options.address.host == "localhost" ? "127.0.0.1" : options.address.host);
  const tcp::endpoint local{address, options.address.port};
  acceptor.open(local.protocol());
  acceptor.set_option(asio::socket_base::reuse_address(true));
  acceptor.bind(local);
  acceptor.listen();
  accept();
}

void console::server::accept() {
  acceptor.async_accept([weak = weak_from_this()](beast::error_code e, tcp::socket socket) {
    const auto self = weak.lock();
    if (!self || e == asio::error::operation_aborted) return;
    if (!e) {
      if (self->open < self->options.connections_max)
        std::make_shared<connection>(std::move(socket), *self)->read();
      else
        ++self->refused; // and the socket closes
    }
    self->accept();
  });
}

bool console::server::from_our_page(const request& r) {
  return host_is_ours(to_view(r[http::field::host]), options) && origin_is_ours(r);
}

// Files of the front end are for whoever names us right; they hold nothing of the cluster.
const asset* console::server::file_for(const request& r) const {
  if (r.method() != http::verb::get && r.method() != http::verb::head) return nullptr;
  if (!host_is_ours(to_view(r[http::field::host]), options)) return nullptr;
  const auto path = to_view(r.target()).substr(0, to_view(r.target()).find('?'));
  return find_asset(path == "/" ? "/index.html" : path);
}

void console::server::open_stream(tcp::socket socket, request upgrade) {
  std::erase_if(streams, [](const auto& s) { return s.expired(); });
  auto made = std::make_shared<stream>(std::move(socket), samples, streams_open);
  streams.push_back(made);
  made->run(std::move(upgrade));
  if (streams.size() == 1) sample();
}

// Runs while somebody watches.
void console::server::sample() {
  std::erase_if(streams, [](const auto& s) { return s.expired(); });
  streams_shown = streams_open;
  for (const auto& s : streams)
    if (const auto open_one = s.lock()) open_one->tick();
  samples.forget_old();
  if (streams.empty()) return;
  sampling.expires_after(sampling_interval);
  sampling.async_wait([weak = weak_from_this()](beast::error_code e) {
    const auto self = weak.lock();
    if (self && !e) self->sample();
  });
}

void console::server::sample_of(const std::string& target,
                                std::function<void(unsigned, std::string)> ready) {
  const auto query = parse_target(target);
  if (!query) return ready(400, error_json("this is no path"));
  const auto path = target.substr(0, target.find('?'));
  read(path, *query, [weak = weak_from_this(), ready = std::move(ready)](console_reply answer) {
    const auto self = weak.lock();
    if (!self) return;
    asio::post(self->context, [ready, answer = std::move(answer)]() mutable {
      ready(answer.status, std::move(answer.json));
    });
  });
}

void console::server::route(const request& r, console_backend::done reply) {
  if (!host_is_ours(to_view(r[http::field::host]), options)) {
    ++refused;
    return reply(refusal(403, "this Host is not one of the console's; see [console] hosts"));
  }
  const auto query = parse_target(to_view(r.target()));
  if (!query) {
    ++malformed;
    return reply(refusal(400, "this is no path of the console"));
  }
  if (r.method() == http::verb::post) return operate(r, *query, std::move(reply));
  if (r.method() != http::verb::get && r.method() != http::verb::head)
    return reply(refusal(405, "GET, HEAD or POST"));
  const auto path = to_view(r.target()).substr(0, to_view(r.target()).find('?'));
  if (path == "/api/v1/access") {
    const bool allowed = token_fits(r, options);
    return reply({200, allowed ? R"({"operations":true})" : R"({"operations":false})"});
  }
  read(path, *query, std::move(reply));
}

void console::server::operate(const request& r, const console_query& query,
                              console_backend::done reply) {
  const auto path = to_view(r.target()).substr(0, to_view(r.target()).find('?'));
  // Who wanted what, and what came of it; never the token.
  const auto audited = [path = std::string{path.substr(0, 200)},
                        told = std::move(reply)](console_reply answer) {
    spdlog::warn("console: operation {}: {}", path, answer.status);
    told(std::move(answer));
  };
  if (!origin_is_ours(r)) {
    ++refused;
    return audited(refusal(403, "a page from elsewhere may not do this"));
  }
  if (!token_fits(r, options)) {
    ++refused;
    return audited(
        refusal(401, "operations need the token in console.token of the state directory"));
  }
  if (const auto wanted = operation_of(path))
    return backend->operate(wanted->what, wanted->node, wanted->shard, audited);
  if (!backend->act(query, audited)) audited(refusal(404, "there is no such operation"));
}

// In Prometheus' text format.
std::string console::server::counters_text() const {
  std::string text;
  const auto add = [&text](std::string_view name, std::string_view type, std::string_view help,
                           std::uint64_t value) {
    text.append("# HELP holdfast_console_").append(name).append(" ").append(help);
    text.append("\n# TYPE holdfast_console_").append(name).append(" ").append(type);
    text.append("\nholdfast_console_").append(name).append(" ").append(std::to_string(value));
    text.append("\n");
  };
  add("requests_total", "counter", "HTTP requests, whatever became of them.", requests);
  add("malformed_total", "counter", "That were no HTTP, too long, or no path.", malformed);
  add("refused_total", "counter", "By Host, Origin, token or the bound on connections.", refused);
  add("streams", "gauge", "WebSockets open.", streams_shown);
  return text;
}

void console::server::read(std::string_view path, const console_query& query,
                           console_backend::done reply) {
  if (path == "/healthz") return reply({200, R"({"healthy":true})"});
  if (path == "/readyz") return backend->ready(std::move(reply));
  if (path == "/metrics")
    reply = [told = std::move(reply), more = counters_text()](console_reply answer) {
      if (answer.status == 200) answer.json += more;
      told(std::move(answer));
    };
  if (path == "/api/v1/members") return backend->members(std::move(reply));
  if (path == "/api/v1/shards") return backend->shards(std::move(reply));
  if (path == "/api/v1/status") return backend->status(std::move(reply));
  if (path == "/api/v1/console")
    return reply(
        {200, boost::json::serialize(boost::json::object{{"requests", requests.load()},
                                                         {"malformed", malformed.load()},
                                                         {"refused", refused.load()},
                                                         {"streams", streams_open},
                                                         {"front_end", front_end_built()}})});
  if (backend->look(query, reply)) return;
  reply(refusal(404, "there is nothing at " + std::string{path.substr(0, 100)}));
}

console::console(console_options options, std::shared_ptr<console_backend> backend)
    : server_{std::make_shared<server>(std::move(options), std::move(backend))} {
  try {
    server_->listen();
  } catch (const boost::system::system_error& e) {
    throw std::system_error{e.code().value(), std::system_category(),
                            "console on " + to_string(server_->options.address)};
  }
  server_->thread = std::thread{[s = server_.get()] { s->context.run(); }};
}

console::~console() {
  server_->context.stop();
  server_->thread.join();
}

console_counters console::counters() const {
  return {server_->requests, server_->malformed, server_->refused, server_->streams_shown};
}

std::uint16_t console::port() const {
  return server_->acceptor.local_endpoint().port();
}

} // namespace holdfast::runtime
