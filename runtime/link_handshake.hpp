// How two nodes prove to each other that they know the cluster key, and who they are, before BASP
// sees a byte (design, "Links"; a plain BASP port is a remote kill switch).
//
//   dialer                                    acceptor
//     hello: magic, role, nonce, likeness, name  ------>
//            <------  hello: magic, role, nonce, likeness, name
//     proof  ------------------------------->        from here on the dialer is a node of ours
//            <------  verdict, proof                 and now so is the acceptor; BASP begins
//
//   proof = HMAC-SHA256(link key, label, role, verdict, both nonces, both likenesses, both names)
//   link key = HMAC-SHA256(cluster key, label)
//
// The role is in the proof, so it can not be reflected; both names are, so it can not be relayed to
// or from a node of another name; both nonces are, so it can not be replayed. What follows is not
// protected by it: where the network between nodes is not trusted that far, all of this runs inside
// TLS (link_tls.hpp), and the name has to be that of the certificate.
//
// A likeness is what CAF will take the node for (machine and process number). Two nodes that have
// one can not be linked, because CAF would take the other for itself: told here, with the reason.
//
// A value without a socket: bytes in, bytes out. It never asks for more bytes than the next message
// has, so nothing of BASP's is swallowed, and no length can make it allocate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace holdfast::runtime {

class link_handshake {
public:
  static constexpr std::size_t nonce_bytes = 32;
  static constexpr std::size_t likeness_bytes = 16;
  static constexpr std::size_t name_bytes_max = 64;

  enum class role : char { dialer = 'D', acceptor = 'A' };
  enum class state : std::uint8_t { running, done, failed };
  // Asked of the acceptor when the dialer has proved its name: shall this link be? false makes the
  // verdict "crossing": the dialer's own listener has, or gets, a link from us.
  using admission = std::function<bool(const std::string& peer)>;

  // `nonce` is fresh and random. A dialer that knows whom it wants says so in `expected_peer`;
  // empty: anybody with the key. Throws std::runtime_error on a key under 16 bytes, a name that is
  // empty or too long, or a nonce of another size.
  [[nodiscard]] static link_handshake dial(std::string_view cluster_key, std::string own_name,
                                           std::string expected_peer, std::string nonce);
  [[nodiscard]] static link_handshake accept(std::string_view cluster_key, std::string own_name,
                                             std::string nonce, admission admit);
  // What the other end's certificate says: it can call itself nothing else.
  void require_certified_name(std::string name) { certified_ = std::move(name); }
  // `likeness_bytes` long; without it: unknown, and like nobody. Before anything is taken or given.
  void set_likeness(std::string likeness);

  // What is to be sent now; empty: nothing.
  [[nodiscard]] std::string take_output();
  // How many bytes to read next, at most; 0 when it is over.
  [[nodiscard]] std::size_t wanted() const;
  // At most wanted() bytes, as they come.
  void on_bytes(std::string_view bytes);

  [[nodiscard]] state now() const { return state_; }
  // Authentic only when done, and for the acceptor from admission on.
  [[nodiscard]] const std::string& peer() const { return peer_; }
  [[nodiscard]] const std::string& why() const { return why_; } // when failed
  [[nodiscard]] bool done() const { return state_ == state::done; }
  [[nodiscard]] bool failed() const { return state_ == state::failed; }

private:
  enum class step : std::uint8_t { hello, name, proof };

  link_handshake(role own, std::string_view cluster_key, std::string own_name, std::string nonce);

  void on_hello();
  void on_name();
  void on_dialer_proof();
  void on_acceptor_proof();
  void fail(std::string why);
  [[nodiscard]] std::string hello() const;
  [[nodiscard]] std::string proof(role of, char verdict) const;

  role own_;
  std::string key_;
  std::string own_name_;
  std::string own_nonce_;
  std::string expected_;
  std::optional<std::string> certified_;
  std::string likeness_ = std::string(likeness_bytes, '\0');
  std::string peer_likeness_;
  admission admit_;
  std::string peer_;
  std::string peer_nonce_;
  step step_ = step::hello;
  state state_ = state::running;
  std::size_t name_bytes_ = 0;
  std::string input_;
  std::string output_;
  std::string why_;
};

} // namespace holdfast::runtime
