// The WebSocket of the console, and what feeds all of them. A browser says what it watches; it then
// gets the same JSON as by GET, at most twice a second and only when it has changed.
//
//   browser --{"watch": ["/api/v1/overview"]}--> stream --sampler--> the API, once for all browsers
//           <--{"path": ..., "status": 200, "body": ...}--
//
// A browser that reads slowly holds one message of ours and misses the samples in between; one that
// is dead is dropped by unanswered pings. Everything here runs in the console's thread.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace holdfast::runtime {

// Asks the API for each target at most once an interval, however many want to know.
class sampler {
public:
  using message = std::shared_ptr<const std::string>; // ready to be sent
  using done = std::function<void(const message&)>;
  // Answers a GET; may call back from the console's thread only.
  using source = std::function<void(const std::string& target,
                                    std::function<void(unsigned status, std::string json)>)>;

  static constexpr std::chrono::milliseconds fresh{450};
  static constexpr std::chrono::seconds patience{3};
  static constexpr std::size_t targets_max = 512;

  explicit sampler(source from) : from_{std::move(from)} {}

  void get(const std::string& target, done ready);
  void forget_old();

private:
  struct sample {
    std::chrono::steady_clock::time_point at{};
    message text;
    std::vector<done> waiting;
  };
  source from_;
  std::map<std::string, sample> samples_;
};

class stream : public std::enable_shared_from_this<stream> {
public:
  static constexpr std::size_t watched_max = 6;
  static constexpr std::size_t frame_bytes_max = 4'096; // from a browser
  static constexpr std::size_t path_bytes_max = 300;
  static constexpr std::chrono::seconds silence_max{20}; // then it is pinged, then dropped

  stream(boost::asio::ip::tcp::socket socket, sampler& samples, std::size_t& open);
  ~stream();
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;

  // Answers the upgrade and serves until either end closes.
  void run(boost::beast::http::request<boost::beast::http::string_body> upgrade);
  void tick(); // twice a second

private:
  void read();
  void on_message();
  void offer(const std::string& target, const sampler::message& text);
  void write_next();

  boost::beast::websocket::stream<boost::beast::tcp_stream> socket_;
  boost::beast::http::request<boost::beast::http::string_body> upgrade_;
  boost::beast::flat_buffer buffer_;
  sampler& samples_;
  std::size_t& open_;
  bool accepted_ = false;
  bool writing_ = false;
  std::map<std::string, std::size_t> watched_;      // target -> hash of what was sent last
  std::map<std::string, sampler::message> pending_; // the latest of each target
  sampler::message under_way_;
};

} // namespace holdfast::runtime
