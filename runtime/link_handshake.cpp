#include "runtime/link_handshake.hpp"

#include "protocol/core/keyed_hash.hpp"

#include <stdexcept>
#include <utility>

namespace holdfast::runtime {

namespace {

constexpr std::string_view magic = "HFL2";
constexpr std::string_view label = "holdfast link 2";
constexpr std::size_t proof_bytes = 32;
constexpr std::size_t hello_bytes =
    magic.size() + 1 + link_handshake::nonce_bytes + link_handshake::likeness_bytes + 1;
constexpr char welcome = 'W';
constexpr char crossing = 'C';

void add(std::string& message, std::string_view part) { // with its length: no two readings
  message += static_cast<char>(part.size());
  message += part;
}

bool printable(std::string_view name) {
  for (const char c : name)
    if (c <= ' ' || c > '~') return false;
  return true;
}

} // namespace

link_handshake::link_handshake(role own, std::string_view cluster_key, std::string own_name,
                               std::string nonce)
    : own_{own}, own_name_{std::move(own_name)}, own_nonce_{std::move(nonce)} {
  if (cluster_key.size() < 16) throw std::runtime_error("the cluster key is under 16 bytes");
  if (own_name_.empty() || own_name_.size() > name_bytes_max || !printable(own_name_))
    throw std::runtime_error("a node's name has 1 to 64 printable characters");
  if (own_nonce_.size() != nonce_bytes) throw std::runtime_error("a nonce has 32 bytes");
  key_ = hmac_sha256(cluster_key, label);
}

link_handshake link_handshake::dial(std::string_view cluster_key, std::string own_name,
                                    std::string expected_peer, std::string nonce) {
  link_handshake made{role::dialer, cluster_key, std::move(own_name), std::move(nonce)};
  made.expected_ = std::move(expected_peer);
  made.output_ = made.hello();
  return made;
}

void link_handshake::set_likeness(std::string likeness) {
  if (likeness.size() != likeness_bytes) throw std::runtime_error("a likeness has 16 bytes");
  likeness_ = std::move(likeness);
  if (own_ == role::dialer) output_ = hello();
}

link_handshake link_handshake::accept(std::string_view cluster_key, std::string own_name,
                                      std::string nonce, admission admit) {
  link_handshake made{role::acceptor, cluster_key, std::move(own_name), std::move(nonce)};
  made.admit_ = std::move(admit);
  return made;
}

std::string link_handshake::take_output() {
  return std::exchange(output_, {});
}

std::size_t link_handshake::wanted() const {
  if (state_ != state::running) return 0;
  if (step_ == step::hello) return hello_bytes - input_.size();
  if (step_ == step::name) return name_bytes_ - input_.size();
  return (own_ == role::dialer ? 1 + proof_bytes : proof_bytes) - input_.size();
}

void link_handshake::on_bytes(std::string_view bytes) {
  if (bytes.size() > wanted()) return fail("it was given more than it asked for");
  input_ += bytes;
  if (step_ == step::hello && !magic.starts_with(std::string_view{input_}.substr(0, magic.size())))
    return fail("the other end does not speak Holdfast's link protocol");
  if (state_ != state::running || wanted() != 0) return;
  if (step_ == step::hello)
    on_hello();
  else if (step_ == step::name)
    on_name();
  else if (own_ == role::acceptor)
    on_dialer_proof();
  else
    on_acceptor_proof();
  input_.clear();
}

void link_handshake::on_hello() {
  const std::string_view in = input_;
  const auto other = own_ == role::dialer ? role::acceptor : role::dialer;
  if (in[magic.size()] != static_cast<char>(other))
    return fail("the other end plays our own role: a reflection");
  peer_nonce_ = in.substr(magic.size() + 1, nonce_bytes);
  peer_likeness_ = in.substr(magic.size() + 1 + nonce_bytes, likeness_bytes);
  if (peer_nonce_ == own_nonce_) return fail("the other end sent our own nonce: a reflection");
  name_bytes_ = static_cast<unsigned char>(in.back());
  if (name_bytes_ == 0 || name_bytes_ > name_bytes_max)
    return fail("the other end's name is empty or too long");
  step_ = step::name;
}

void link_handshake::on_name() {
  if (!printable(input_)) return fail("the other end's name has characters that no name has");
  peer_ = input_;
  if (peer_ == own_name_)
    return fail("the other end calls itself " + peer_ + ", as we do: two nodes have one name");
  if (own_ == role::acceptor) output_ = hello(); // also to one that is refused now: it sees why
  if (certified_ && *certified_ != peer_)
    return fail("the other end calls itself " + peer_ + ", but its certificate is for "
                + (certified_->empty() ? "no node" : *certified_));
  if (peer_likeness_ == likeness_ && likeness_ != std::string(likeness_bytes, '\0'))
    return fail(peer_
                + " looks to CAF like this very node: same machine and same process number; "
                  "start one of them with another process number (in containers: not as "
                  "process 1, or with a machine id of its own)");
  step_ = step::proof;
  if (own_ == role::acceptor) return;
  if (!expected_.empty() && peer_ != expected_)
    return fail("the node there is " + peer_ + ", not " + expected_);
  output_ = proof(role::dialer, welcome);
}

void link_handshake::on_dialer_proof() {
  if (!equal_in_constant_time(input_, proof(role::dialer, welcome)))
    return fail("the other end, which calls itself " + peer_ + ", does not have the cluster key");
  const char verdict = admit_ && !admit_(peer_) ? crossing : welcome;
  output_ = verdict + proof(role::acceptor, verdict);
  if (verdict == crossing) return fail("a link with " + peer_ + " is being opened from this side");
  state_ = state::done;
}

void link_handshake::on_acceptor_proof() {
  const char verdict = input_.front();
  if ((verdict != welcome && verdict != crossing)
      || !equal_in_constant_time(std::string_view{input_}.substr(1),
                                 proof(role::acceptor, verdict)))
    return fail("the other end, which calls itself " + peer_ + ", does not have the cluster key");
  if (verdict == crossing) return fail(peer_ + " is opening a link with this node itself");
  state_ = state::done;
}

void link_handshake::fail(std::string why) {
  state_ = state::failed;
  why_ = std::move(why);
}

std::string link_handshake::hello() const {
  std::string message{magic};
  message += static_cast<char>(own_);
  message += own_nonce_;
  message += likeness_;
  add(message, own_name_);
  return message;
}

std::string link_handshake::proof(role of, char verdict) const {
  const bool dialer = own_ == role::dialer;
  std::string message;
  add(message, label);
  message += static_cast<char>(of);
  message += verdict;
  add(message, dialer ? own_nonce_ : peer_nonce_);
  add(message, dialer ? peer_nonce_ : own_nonce_);
  add(message, dialer ? likeness_ : peer_likeness_);
  add(message, dialer ? peer_likeness_ : likeness_);
  add(message, dialer ? own_name_ : peer_);
  add(message, dialer ? peer_ : own_name_);
  return hmac_sha256(key_, message);
}

} // namespace holdfast::runtime
