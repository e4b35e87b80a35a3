#include "runtime/process_channel.hpp"

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <future>
#include <string>
#include <sys/socket.h>

using namespace holdfast::runtime;

TEST_CASE("process channel: messages read back as they were written") {
  CHECK(encode(kill_order{"container-1", 4711}) == "kill container-1 4711");
  CHECK(encode(process_end{"proxy-2", 12}) == "ended proxy-2 12");
  CHECK(decode_process_message("kill container-1 4711")
        == process_message{kill_order{"container-1", 4711}});
  CHECK(decode_process_message("ended proxy-2 12") == process_message{process_end{"proxy-2", 12}});
}

TEST_CASE(
    "process channel: nothing but a message is a message, least of all for PID 1 or a group") {
  const std::string rows[] = {"",
                              "kill",
                              "kill x",
                              "kill  12",
                              "kill x 1",
                              "kill x 0",
                              "kill x -1",
                              "kill x 12x",
                              "kill x 12 13",
                              "kill x 99999999999999999999",
                              "spare x 12",
                              "kill " + std::string(300, 'n') + " 12"};
  for (const auto& row : rows) CHECK_FALSE(decode_process_message(row));
}

TEST_CASE("process channel: orders go out, ends come in, and a launcher that goes is noticed") {
  auto [launcher, node] = make_process_channel();
  std::promise<process_end> ended;
  std::promise<void> gone;
  process_channel channel{std::move(node), [&](const process_end& e) { ended.set_value(e); },
                          [&] { gone.set_value(); }};
  REQUIRE(channel.kill("container-1", 4711));
  std::array<char, process_message_bytes_max> buffer{};
  const auto got = ::recv(launcher.get(), buffer.data(), buffer.size(), 0);
  REQUIRE(got > 0);
  CHECK(decode_process_message({buffer.data(), static_cast<std::size_t>(got)})
        == process_message{kill_order{"container-1", 4711}});
  CHECK_FALSE(channel.kill("container-1", 1));
  CHECK_FALSE(channel.kill("two words", 4711));

  REQUIRE(send_process_message(launcher.get(), "nonsense")); // passed over
  REQUIRE(send_process_message(launcher.get(), encode(process_end{"container-1", 4711})));
  CHECK(ended.get_future().get() == process_end{"container-1", 4711});

  launcher.close();
  const auto noticed = gone.get_future().wait_for(std::chrono::seconds{5});
  CHECK(noticed == std::future_status::ready);
  CHECK_FALSE(channel.kill("container-1", 4711));
}

TEST_CASE("process channel: stopping is not the launcher's end") {
  auto [launcher, node] = make_process_channel();
  bool gone = false;
  {
    process_channel channel{std::move(node), [](const process_end&) {}, [&] { gone = true; }};
    channel.stop();
    channel.stop();
  }
  CHECK_FALSE(gone);
  CHECK_FALSE(send_process_message(launcher.get(), "ended x 12"));
}
