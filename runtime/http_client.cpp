#include "runtime/http_client.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

namespace holdfast::runtime {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;

namespace {

constexpr std::uint64_t answer_bytes_max = 16U << 20;

// Runs one asynchronous step to its end: only those honour the stream's time-out.
template <class Start>
beast::error_code complete(asio::io_context& context, Start start) {
  beast::error_code outcome;
  start([&outcome](beast::error_code e, auto&&...) { outcome = e; });
  context.restart();
  context.run();
  return outcome;
}

} // namespace

result<http_answer> http_request(const std::string& method, const endpoint& server,
                                 const std::string& target, std::chrono::milliseconds time_out,
                                 std::string body, const std::string& token) {
  asio::io_context context{1};
  beast::error_code e;
  tcp::resolver resolver{context};
  const auto addresses = resolver.resolve(server.host, std::to_string(server.port), e);
  if (e) return fail(to_string(server) + ": " + e.message());

  beast::tcp_stream stream{context};
  stream.expires_after(time_out);
  e = complete(context, [&](auto done) { stream.async_connect(addresses, done); });
  if (e) return fail(to_string(server) + ": " + e.message());

  http::request<http::string_body> ask{http::string_to_verb(method), target, 11};
  ask.set(http::field::host, to_string(server));
  ask.set(http::field::user_agent, "holdfast");
  if (!token.empty()) ask.set(http::field::authorization, "Bearer " + token);
  ask.keep_alive(false);
  if (!body.empty()) {
    ask.set(http::field::content_type, "application/json");
    ask.body() = std::move(body);
  }
  ask.prepare_payload();
  e = complete(context, [&](auto done) { http::async_write(stream, ask, done); });
  if (e) return fail(to_string(server) + ": " + e.message());

  beast::flat_buffer buffer;
  http::response_parser<http::string_body> answer;
  answer.body_limit(answer_bytes_max);
  e = complete(context, [&](auto done) { http::async_read(stream, buffer, answer, done); });
  if (e) return fail(to_string(server) + ": " + e.message());
  return http_answer{answer.get().result_int(), std::move(answer.get().body())};
}

} // namespace holdfast::runtime
