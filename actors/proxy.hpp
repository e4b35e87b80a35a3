// The SIP proxy server of the cluster: reads as much of a message as it takes to find its
// container, and keeps no call state (design, "Who does what"). What it does keep, for two seconds
// at most, are messages that no container has reported handled.
//
//   dispatcher --PROXY v2 + datagram--> route by token or home shard --sip_in--> container
//   dispatcher <--PROXY v2 + datagram-- epoch not older than known  <--sip_out-- container
//
// Streams end here; the world frames them. What leaves over one goes over the connection it names,
// else over one that leads to the same address, else RFC 3261 18.2.2 or the next hop's URI says
// where to connect.
#pragma once

#include "actors/role.hpp"
#include "actors/world.hpp"
#include "protocol/cluster/admission.hpp"
#include "protocol/cluster/hold_queue.hpp"
#include "protocol/cluster/open_requests.hpp"
#include "protocol/cluster/routing.hpp"
#include "protocol/cluster/token.hpp"
#include "protocol/sip/message.hpp"
#include "protocol/sip/message_view.hpp"
#include "protocol/sip/overload_control.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace holdfast::actors {

struct proxy_options {
  world* outside = nullptr;
  std::string name;
  cluster::settings settings;
  cluster::token_ring tokens;
  endpoint advertised; // the cluster's SIP address: what replies leave from
};

class proxy : public role_actor {
public:
  static constexpr duration tick_interval{20ms};
  static constexpr std::size_t resolving_max = 10'000;
  static constexpr int retry_after_s = 2;
  static constexpr std::size_t stamp_size_max = 80;    // received with an IPv6 address, and rport
  static constexpr duration reduction_validity{500ms}; // of what we ask neighbours for, RFC 7339

  proxy(caf::actor_config& config, proxy_options options);

  caf::behavior make_behavior() override;
  const char* name() const override { return "proxy"; }

private:
  void on_view() override;
  void on_link(const std::string& peer, bool up) override;
  void on_frame(const std::string& peer, cluster::frame_kind kind, std::string_view bytes) override;
  void on_congestion(const std::string& peer, bool congested) override;
  void on_batch_end() override;
  void on_tick() override;

  std::string state_line() const override;
  bool describe(const describe_yourself& question, cluster::picture& into) override;

  void on_datagrams(const datagrams_received& in);
  void on_streams(const stream_messages_received& in);
  void on_stream_failures(const stream_sends_failed& failed);
  void on_sip(const flow& client, std::string_view bytes);
  void on_malformed(const flow& client, std::string_view bytes, int status);
  void refuse_to_hold(std::string_view bytes, const flow& client, int status);
  void refuse_bytes(std::string_view bytes, const flow& client, int status);
  void refuse(const sip::message& request, const flow& client, int status, bool retry_after);
  void on_sip_out(const std::string& owner, cluster::sip_out out);
  void note_fenced(const std::string& speaker, const cluster::sip_out& out);
  void tell_heirs();
  void ask_for_orphans();
  void on_resolved(const name_resolved& answer);
  void send_failed(const cluster::sip_out& out);
  void send_out(const endpoint& where, const cluster::sip_out& out);
  void transmit(const flow& destination, std::string bytes, std::string ticket = {},
                std::string name = {});
  void note_in(std::string_view bytes, const endpoint& client, const session_address& to);
  void note_out(const cluster::sip_out& out);
  void note_restriction();
  [[nodiscard]] bool from_dispatcher(const endpoint& peer) const;
  [[nodiscard]] bool congested(const cluster::route& r) const;
  [[nodiscard]] bool all_congested() const;
  [[nodiscard]] bool let_in(std::string_view bytes, const flow& client, const cluster::route& where,
                            bool emergency);
  [[nodiscard]] static bool ends_refusal(std::string_view bytes, const endpoint& client);

  struct unsaid {
    epoch of; // told to whoever owns the shard in a newer one
    cluster::send_failure what;
  };
  static constexpr std::size_t unsaid_max = 10'000;

  proxy_options options_;
  sip::message_view incoming_; // here, because it is too large for every datagram's stack frame
  cluster::hold_queue held_;
  cluster::open_requests open_;
  std::vector<unsaid> unsaid_; // requests that were fenced
  cluster::admission admission_;
  sip::neighbours neighbours_;
  std::uint64_t next_receipt_ = 0;
  std::map<shard_id, epoch> epochs_; // newest seen, by view or by output (fence d)
  std::map<std::string, std::vector<cluster::sip_out>> resolving_;
  std::set<std::string> congested_;
  std::map<endpoint, std::vector<datagram>> outgoing_; // by dispatcher, until the end of a batch
  std::vector<stream_output> outgoing_streams_;
  std::vector<endpoint> dispatchers_;
  std::size_t next_dispatcher_ = 0;
  cluster::sighting_ring seen_; // for operators
  std::uint64_t malformed_ = 0;
  std::uint64_t stray_ = 0;
  std::uint64_t fenced_ = 0;
  std::uint64_t untrusted_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t shed_ = 0;
  std::uint64_t unsent_ = 0;
  std::uint64_t orphans_ = 0;
  bool restricting_ = false;
};

} // namespace holdfast::actors
