#include "actors/proxy.hpp"

#include "protocol/cluster/proxy_protocol.hpp"
#include "protocol/cluster/routing.hpp"
#include "protocol/core/buggify.hpp"
#include "protocol/sip/parser.hpp"
#include "protocol/sip/transport_rules.hpp"
#include "protocol/sip/writer.hpp"

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <arpa/inet.h>
#include <bit>

namespace holdfast::actors {

using cluster::frame_kind;

namespace {

// What goes wrong often is told at 1, 2, 4, 8, ... so that an attacker can not fill the log.
void tell(std::uint64_t count, std::string_view what) {
  if (std::has_single_bit(count)) spdlog::warn("proxy: {} {} so far", count, what);
}

// A request outside of any dialog that is no emergency: what may be held back.
bool begins_work(std::string_view bytes) {
  sip::message_view request;
  return !request.read(bytes) && request.is_request() && request.to_tag().empty()
         && !request.is("ACK") && !request.is("CANCEL") && !cluster::is_emergency(request);
}

// Where to connect when the connection of a message is gone: RFC 3261 18.2.2, or 8.1.2 for a
// request whose next hop is reached by the same transport; one without a connection goes to its
// address.
std::optional<endpoint> connect_to(const flow& gone, std::string_view bytes) {
  if (gone.over == transport::ws || gone.over == transport::wss) return std::nullopt; // RFC 7118 5
  const auto m = sip::parse(bytes);
  if (!m) return std::nullopt;
  if (!m->is_request()) {
    const auto top = m->top_via();
    return top ? std::optional{sip::response_destination(*top)} : std::nullopt;
  }
  if (gone.connection.empty()) return gone;
  const auto routes = m->routes();
  const auto next = routes && !routes->empty() ? result<sip::uri>{routes->front().uri}
                                               : sip::parse_uri(m->request_uri);
  const auto target = next ? sip::target_of(*next) : fail("no URI");
  if (!target || target->over != gone.over || !sip::is_numeric_host(target->host))
    return std::nullopt;
  return *target;
}

bool is_numeric(const std::string& host) {
  unsigned char address[sizeof(in6_addr)];
  return inet_pton(AF_INET, host.c_str(), address) == 1
         || inet_pton(AF_INET6, host.c_str(), address) == 1;
}

} // namespace

proxy::proxy(caf::actor_config& config, proxy_options options)
    : role_actor(config), options_{std::move(options)}, held_{options_.settings.hold} {}

caf::behavior proxy::make_behavior() {
  next_receipt_ = options_.outside->random() >> 1; // not one of our predecessor's
  const auto self = caf::actor_cast<caf::actor>(this);
  options_.outside->receive_datagrams(socket_name::inside, self);
  options_.outside->receive_streams(self);
  every(tick_interval);
  return caf::message_handler{
      [this](datagrams_received& in) { on_datagrams(in); },
      [this](stream_messages_received& in) { on_streams(in); },
      [this](stream_sends_failed& failed) { on_stream_failures(failed); },
      [this](name_resolved& answer) { on_resolved(answer); },
  }
      .or_else(common());
}

void proxy::on_view() {
  for (std::uint16_t i = 0; i < current_view().shards.size(); ++i) {
    auto& known = epochs_[shard_id{i}];
    known = std::max(known, current_view().shards[i].epoch);
  }
  dispatchers_.clear();
  std::vector<std::string> relays;
  for (const auto& m : current_view().members) {
    if (m.card.serves != cluster::role::dispatcher || !m.alive()) continue;
    dispatchers_.push_back(m.card.datagrams);
    relays.push_back(m.card.datagrams.host);
  }
  options_.outside->trust_relays(std::move(relays));
  for (auto& d : held_.deliver_all(current_view(), reachable()))
    send_frame(d.node, frame_kind::sip_in, d.message);
  tell_heirs();
}

void proxy::on_link(const std::string& peer, bool up) {
  if (!up) {
    admission_.forget(peer);
    congested_.erase(peer);
    held_.link_lost(peer);
    return;
  }
  for (auto& d : held_.deliver_all(current_view(), reachable()))
    send_frame(d.node, frame_kind::sip_in, d.message);
}

void proxy::on_congestion(const std::string& peer, bool congested) {
  if (congested)
    congested_.insert(peer);
  else
    congested_.erase(peer);
}

// ---- in
// -------------------------------------------------------------------------------------------

bool proxy::from_dispatcher(const endpoint& peer) const {
  return std::find(dispatchers_.begin(), dispatchers_.end(), peer) != dispatchers_.end();
}

// A header is believed from the dispatchers of the view only.
void proxy::on_datagrams(const datagrams_received& in) {
  for (const auto& d : in.datagrams) {
    if (!from_dispatcher(d.peer)) {
      tell(++untrusted_, "datagrams from strangers ignored");
      continue;
    }
    const auto unwrapped = cluster::unwrap_datagram(d.bytes);
    if (unwrapped)
      on_sip(unwrapped->source, unwrapped->payload);
    else
      tell(++untrusted_, "datagrams without a PROXY header ignored");
  }
  on_batch_end();
}

void proxy::on_streams(const stream_messages_received& in) {
  for (const auto& m : in.messages) on_sip(m.peer, m.bytes);
  on_batch_end();
}

void proxy::on_sip(const flow& client, std::string_view bytes) {
  auto bad = incoming_.read(bytes);
  if (!bad) bad = sip::check_message(incoming_);
  if (bad) return on_malformed(client, bytes, bad.status);
  if (const auto via = incoming_.top_via(); !incoming_.is_request() && via && via->params.has("oc"))
    neighbours_.heard(client, sip::copy_of(*via), now());
  const auto where = cluster::route_of(incoming_, options_.tokens, options_.settings.shard_count);
  if (!where) {
    tell(++stray_, "responses to nothing of ours dropped");
    return;
  }
  note_in(bytes, client, where->to);
  if (where->to.session.value == 0 && incoming_.is("ACK") && ends_refusal(bytes, client)) return;
  const bool emergency = where->may_create && cluster::is_emergency(incoming_);
  if (where->may_create && !let_in(bytes, client, *where, emergency)) return;
  std::string stamped;
  stamped.reserve(bytes.size() + stamp_size_max);
  if (!incoming_.is_request() || !sip::append_stamped(incoming_, client, stamped))
    stamped = incoming_.bytes();
  cluster::sip_in in{where->to,          where->key, where->by_address_of_record,
                     where->may_create,  false,      options_.name,
                     ++next_receipt_,    client,     current_view().number,
                     std::move(stamped), emergency};
  const auto receipt = in.receipt;
  if (incoming_.is_request()) open_.arrived(incoming_, in, current_view(), now());
  if (!held_.add(std::move(in), now())) return refuse_to_hold(bytes, client, 500);
  if (auto d = held_.deliver(receipt, current_view(), reachable()))
    send_frame(d->node, frame_kind::sip_in, d->message);
}

// A BYE over UDP is repeated for 64*T1 if nobody answers it (RFC 3261 17.1.2.2); refused, it would
// leave the other end in the call.
void proxy::refuse_to_hold(std::string_view bytes, const flow& client, int status) {
  if (bytes.starts_with("BYE ") && !client.reliable()) return;
  refuse_bytes(bytes, client, status);
}

// What is malformed, and what is refused, is seldom: it is read again as a message to answer it.
void proxy::on_malformed(const flow& client, std::string_view bytes, int status) {
  if (status == 0) return; // keep-alive, or a response
  tell(++malformed_, "malformed SIP messages");
  auto parsed = sip::parse(bytes);
  if (parsed) return;
  auto& partial = parsed.error().partial;
  if (partial) sip::stamp_source(*partial, client);
  if (const auto answer = sip::error_response(parsed.error()))
    transmit(client, sip::to_bytes(*answer));
}

void proxy::refuse_bytes(std::string_view bytes, const flow& client, int status) {
  auto request = sip::parse(bytes);
  if (!request || !request->is_request()) return;
  sip::stamp_source(*request, client);
  refuse(*request, client, status, true);
}

// Only new work is ever kept out, and before anything is spent on it. 503 says that the whole
// cluster is full: one slow container is answered by silence, and by then it may be fast again.
// Over a stream silence would be for good.
bool proxy::let_in(std::string_view bytes, const flow& client, const cluster::route& where,
                   bool emergency) {
  using verdict = cluster::admission::verdict;
  if (!emergency && !client.reliable() && buggify<"proxy: puts new work off">()) return false;
  const auto how = emergency ? cluster::urgency::emergency : cluster::urgency::fresh;
  const auto decided = admission_.decide(how, options_.outside->random(), now());
  if (decided == verdict::admit && !congested(where)) return true;
  if (decided == verdict::refuse || (decided == verdict::admit && all_congested())) {
    tell(++refused_, "new requests refused with 503, the cluster being full,");
    refuse_bytes(bytes, client, 503);
  } else {
    tell(++shed_, "new requests put off, what should take them being slow,");
    if (client.reliable()) refuse_bytes(bytes, client, 503); // nobody repeats it
  }
  return false;
}

// The ACK to a refusal of ours has our tag and no other place to go to (RFC 3261 8.2.7).
bool proxy::ends_refusal(std::string_view bytes, const endpoint& client) {
  auto invite = sip::parse(bytes);
  if (!invite) return false;
  const auto cseq = invite->cseq();
  if (!cseq) return false;
  sip::stamp_source(*invite, client);
  invite->set("CSeq", std::to_string(cseq->number) + " INVITE");
  return invite->to_tag() == sip::stateless_tag(*invite);
}

void proxy::ask_for_orphans() {
  for (auto& request : open_.orphaned(current_view(), now())) {
    if (held_.holds(request.receipt)) continue; // goes there in any case
    tell(++orphans_, "requests asked for again of new owners");
    const auto receipt = request.receipt = ++next_receipt_;
    request.view = current_view().number;
    if (!held_.add(std::move(request), now())) continue;
    if (auto d = held_.deliver(receipt, current_view(), reachable()))
      send_frame(d->node, frame_kind::sip_in, d->message);
  }
}

bool proxy::all_congested() const {
  const auto& members = current_view().members;
  return std::all_of(members.begin(), members.end(), [this](const cluster::member& m) {
    return m.card.serves != cluster::role::container || !m.alive()
           || congested_.contains(m.card.name);
  });
}

bool proxy::congested(const cluster::route& r) const {
  const auto* shard = current_view().shard(r.to.shard);
  return shard != nullptr && congested_.contains(shard->owner.name);
}

void proxy::refuse(const sip::message& request, const flow& client, int status, bool retry_after) {
  if (request.is("ACK")) return; // an ACK never gets an answer
  auto answer = sip::make_response(request, status, "", sip::stateless_tag(request));
  if (retry_after) answer.set("Retry-After", std::to_string(retry_after_s));
  transmit(sip::way_back(answer, client), sip::to_bytes(answer));
}

void proxy::on_tick() {
  if (buggify<"proxy: a tick is left out">()) return;
  admission_.on_tick(now());
  tell_heirs();
  open_.expire(now());
  note_restriction();
  for (auto& e : held_.expire(now()))
    // What some container has, the client repeats if it matters.
    if (!e.delivered)
      refuse_to_hold(e.message.bytes, e.message.source,
                     planted<"holding-ends-with-481">() ? 481 : 500);
  on_batch_end();
}

// ---- out
// ------------------------------------------------------------------------------------------

void proxy::on_frame(const std::string& peer, frame_kind kind, std::string_view bytes) {
  if (kind == frame_kind::sip_out)
    with<cluster::sip_out>(bytes, [&](cluster::sip_out out) { on_sip_out(peer, std::move(out)); });
  else if (kind == frame_kind::handled)
    with<cluster::handled>(bytes, [&](const cluster::handled& h) { held_.handled(h.receipts); });
  else if (kind == frame_kind::load)
    with<cluster::load>(bytes,
                        [&](const cluster::load& l) { admission_.reported(peer, l, now()); });
}

// Fence (d): nothing an owner of an older epoch says reaches a client.
void proxy::on_sip_out(const std::string& owner, cluster::sip_out out) {
  auto& known = epochs_[out.shard];
  if (out.epoch < known && !planted<"output-is-not-fenced">()) {
    sometimes<"proxy: an older epoch was fenced">();
    tell(++fenced_, "messages of owners of older epochs dropped");
    note_fenced(owner, out);
    return;
  }
  witness_output(options_.name, owner, out.shard.value, out.epoch.value);
  known = out.epoch;
  note_out(out);
  if (!open_.empty() && out.bytes.starts_with("SIP/2.0") && !incoming_.read(out.bytes))
    open_.answered(incoming_, out.shard, current_view());
  if (is_numeric(out.destination.host)) {
    send_out(out.destination, out);
    return;
  }
  auto& waiting = resolving_[out.destination.host];
  const auto name = out.destination.host;
  if (waiting.empty()) options_.outside->resolve(name, caf::actor_cast<caf::actor>(this));
  if (waiting.size() < resolving_max) waiting.push_back(std::move(out));
}

// Whose shard moves may have spoken before it knew, and nobody may have to wait for a timer: who
// owns the shard now is asked for its response, or told to say its request again. The heir of one
// that died says its requests again by itself.
void proxy::note_fenced(const std::string& speaker, const cluster::sip_out& out) {
  if (out.bytes.starts_with("SIP/2.0")) {
    if (!open_.empty() && !incoming_.read(out.bytes))
      open_.unheard(incoming_, out.shard, out.epoch);
  } else if (const auto* by = current_view().find(speaker);
             by != nullptr && by->alive() && !out.branch.empty() && unsaid_.size() < unsaid_max) {
    unsaid_.push_back({out.epoch, {out.from, out.branch, true}});
  }
  tell_heirs();
}

void proxy::tell_heirs() {
  ask_for_orphans();
  std::erase_if(unsaid_, [this](const unsaid& u) {
    const auto* shard = current_view().shard(u.what.to.shard);
    if (shard == nullptr || shard->epoch <= u.of || !current_view().alive(shard->owner))
      return false;
    send_frame(shard->owner.name, frame_kind::send_failure, u.what);
    return true;
  });
}

void proxy::on_resolved(const name_resolved& answer) {
  const auto found = resolving_.find(answer.name);
  if (found == resolving_.end()) return;
  const auto waiting = std::move(found->second);
  resolving_.erase(found);
  for (const auto& out : waiting) {
    if (answer.addresses.empty())
      send_failed(out);
    else
      send_out({answer.addresses.front(), out.destination.port}, out);
  }
  on_batch_end();
}

// RFC 7339: what neighbours asked for is kept, and what we ask of them stands in the Via of
// responses. A request held back here is to its session as one that could not be sent.
void proxy::send_out(const endpoint& where, const cluster::sip_out& out) {
  const flow destination{where, out.destination.over, out.destination.connection};
  if (out.bytes.starts_with("SIP/2.0")) {
    transmit(destination, sip::ask_for_reduction(out.bytes, admission_.loss_percent(),
                                                 reduction_validity, now()));
    return;
  }
  if (neighbours_.sheds(destination, options_.outside->random(), now()) && begins_work(out.bytes)) {
    send_failed(out);
    return;
  }
  const auto* shard = current_view().shard(out.shard);
  std::string ticket;
  if (destination.reliable() && !out.branch.empty() && shard != nullptr)
    ticket = shard->owner.name + '\n' + encode(cluster::send_failure{out.from, out.branch, false});
  transmit(destination, sip::offer_overload_control(out.bytes), std::move(ticket),
           is_numeric(out.destination.host) ? std::string{} : out.destination.host);
}

// One line when it begins and one when it ends.
void proxy::note_restriction() {
  const bool restricting = admission_.share() < 1;
  if (restricting == restricting_) return;
  restricting_ = restricting;
  if (restricting)
    spdlog::warn("proxy: the cluster is full; of new requests {:.0f} % are let in",
                 100 * admission_.share());
  else
    spdlog::info("proxy: all new requests are let in again");
}

// RFC 3261 18.4: the container takes it from here.
void proxy::on_stream_failures(const stream_sends_failed& failed) {
  for (const auto& ticket : failed.tickets) {
    tell(++unsent_, "messages could not be sent over a stream");
    const auto name_ends = ticket.find('\n');
    if (name_ends == std::string::npos) continue;
    send_to(ticket.substr(0, name_ends), frame_kind::send_failure, ticket.substr(name_ends + 1));
  }
}

void proxy::send_failed(const cluster::sip_out& out) {
  const auto* shard = current_view().shard(out.shard);
  if (shard == nullptr || out.branch.empty()) return;
  send_frame(shard->owner.name, frame_kind::send_failure,
             cluster::send_failure{out.from, out.branch, false});
}

// Replies leave from the dispatcher's address; any dispatcher that lives will do.
void proxy::transmit(const flow& destination, std::string bytes, std::string ticket,
                     std::string name) {
  if (destination.reliable()) {
    auto otherwise = connect_to(destination, bytes);
    outgoing_streams_.push_back(
        {destination, std::move(otherwise), std::move(bytes), std::move(ticket), std::move(name)});
    return;
  }
  if (dispatchers_.empty()) return;
  const auto& by = dispatchers_[next_dispatcher_++ % dispatchers_.size()];
  const endpoint to{destination.host,
                    destination.port == 0 ? std::uint16_t{5060} : destination.port};
  outgoing_[by].push_back({by, cluster::wrap_datagram(options_.advertised, to, bytes)});
}

void proxy::on_batch_end() {
  for (auto& [by, datagrams] : outgoing_)
    if (!datagrams.empty())
      options_.outside->send_datagrams(socket_name::inside, std::move(datagrams));
  outgoing_.clear();
  if (outgoing_streams_.empty()) return;
  options_.outside->send_streams(std::move(outgoing_streams_));
  outgoing_streams_.clear();
}

// ---- for operators
// ---------------------------------------------------------------------------------

void proxy::note_in(std::string_view bytes, const endpoint& client, const session_address& to) {
  if (!observing()) return;
  cluster::sighting s;
  if (!cluster::sketch_into(s, bytes)) return;
  s.at = now();
  s.session = to;
  s.agent = client;
  seen_.add(std::move(s));
}

void proxy::note_out(const cluster::sip_out& out) {
  if (!observing()) return;
  cluster::sighting s;
  if (!cluster::sketch_into(s, out.bytes)) return;
  s.at = now();
  s.in = false;
  s.session = out.from;
  s.agent = out.destination;
  seen_.add(std::move(s));
}

std::string proxy::state_line() const {
  return std::to_string(held_.size()) + " held, " + std::to_string(congested_.size())
         + " slow links, " + std::to_string(malformed_) + " malformed, " + std::to_string(stray_)
         + " stray, " + std::to_string(fenced_) + " fenced, " + std::to_string(untrusted_)
         + " untrusted, " + std::to_string(unsent_) + " unsent";
}

bool proxy::describe(const describe_yourself& question, cluster::picture& into) {
  const auto& query = *question.query;
  if (query.what == cluster::inspect_what::ladder)
    for (const auto& s : seen_.of(query.calls, query.sessions))
      into.sightings.push_back(cluster::row_of(s, {}, now()));
  return true;
}

} // namespace holdfast::actors
