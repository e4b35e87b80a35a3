// Which way a message takes, and what it says of itself for that: RFC 3261 8.1.1.7, 8.1.1.8,
// 18.1.1.
#include "protocol/core/buggify.hpp"
#include "protocol/session/step.hpp"
#include "protocol/sip/forwarding_rules.hpp"
#include "protocol/sip/transport_rules.hpp"
#include "protocol/sip/writer.hpp"

namespace holdfast::session {

namespace {

// Without our Via, which adds about this much.
constexpr std::size_t via_size = 150;
constexpr std::size_t large_request = sip::datagram_request_max - via_size;

} // namespace

std::string destination_of(std::string_view uri) {
  const auto parsed = sip::parse_uri(uri);
  if (!parsed) return {};
  const auto target = sip::target_of(*parsed);
  return target ? to_string(*target) : std::string{};
}

// How we are reached over the transport of that flow. RFC 3261 8.1.1.8: sips where they called so.
std::string step::contact(const std::string& flow_text, bool secure) const {
  const auto over = parse_flow(flow_text).value_or(flow{}).over;
  return "<" + sip::uri_over(s_.token, s_.env->advertised_over(over), over, secure) + ">";
}

// The transport that forward() would choose.
transport step::transport_to(const sip::message& request) const {
  auto copy = request;
  return parse_flow(destination_of(sip::route_onwards(copy))).value_or(flow{}).over;
}

// Where requests within the dialog go: over the peer's own connection while it has one, to where
// its contact is known to be, or to the next hop.
std::string step::way_within(const dialog_record& d) {
  if (!d.flow.empty()) return d.flow;
  return d.destination.empty() ? destination_of(d.dialog.next_hop()) : d.destination;
}

// A client that is connected to us, or that says itself that it is reached over the flow of its
// request ("ob", RFC 5626 5.3), or that is behind a NAT and does not know: its Contact is the
// address that its own Via names, and the datagram came from another one.
bool step::is_over_its_flow(const sip::message& request, const flow& source) const {
  const auto top = request.top_via();
  if (!top || request.headers("Via").size() != 1) return false;
  if (source.reliable()) return true;
  const auto contacts = request.contacts();
  if (!contacts || contacts->size() != 1) return false;
  const auto& uri = contacts->front().uri;
  if (uri.has_param("ob") || is_gruu_of_ours(uri)) return true;
  const auto claimed = sip::target_of(uri);
  if (!claimed || claimed->over != source.over || !sip::is_numeric_host(claimed->host))
    return false;
  const auto port = top->port == 0 ? sip::default_port(source.over) : top->port;
  const endpoint named{top->host, port};
  return static_cast<const endpoint&>(*claimed) == named
         && static_cast<const endpoint&>(source) != named;
}

// It leads to us (RFC 5627 3.4), not to whom we lent it.
bool step::is_gruu_of_ours(const sip::uri& uri) const {
  return uri.has_param("gr") && s_.env->serves_domain(uri.host);
}

// A user agent that is connected to us without anybody between is reached over its connection,
// whatever its Contact says: it may not listen anywhere (RFC 5626 5.3). So is one behind a NAT,
// where its latest request came from, of which one without Contact (INFO) tells the mapping only.
void step::note_flow(dialog_record& d, const server_record& by) const {
  const auto from = parse_flow(by.source);
  const bool direct = by.request().headers("Via").size() == 1 && d.dialog.route_set.empty();
  if (from && direct && !from->reliable() && !by.request().has("Contact")) {
    const auto known = parse_flow(d.flow);
    if (known && !known->reliable()) d.flow = by.source;
    return;
  }
  const bool over_it = from && direct && is_over_its_flow(by.request(), *from);
  d.flow = over_it ? by.source : std::string{};
}

// Who answered with a GRUU of ours is where it was asked.
void step::note_way(dialog_record& d, const client_record& by) const {
  if (targets_gruu_of_ours(d)) d.destination = by.destination;
}

bool step::targets_gruu_of_ours(const dialog_record& d) const {
  if (!d.dialog.route_set.empty()) return false;
  const auto target = sip::parse_uri(d.dialog.remote_target);
  return target && is_gruu_of_ours(*target);
}

void step::write_via(sip::message& request, transport over, const std::string& mark) {
  sip::via ours;
  ours.transport = to_string(over);
  ours.host = s_.env->advertised_over(over).host;
  ours.port = s_.env->advertised_over(over).port;
  sip::set_param(ours.params, "branch",
                 std::string{sip::magic_cookie} + s_.token + "." + s_.random.unique() + mark);
  sip::set_param(ours.params, "rport", std::nullopt);
  request.prepend("Via", sip::to_string(ours));
}

// Via, branch and key of a request to record.destination. RFC 3261 18.1.1: what is too large for a
// datagram goes over a stream; an address that stands for a NAT binding is of no use for that.
void step::address(client_record& record, sip::message& request, const std::string& mark) {
  auto way = parse_flow(record.destination).value_or(flow{});
  const bool elsewhere =
      record.destination != destination_of(request.request_uri) && request.headers("Route").empty();
  if (!way.reliable() && !elsewhere && sip::size_at_most(request) > large_request
      && sip::to_bytes(request).size() > large_request) {
    sometimes<"session: too large for a datagram">();
    way.over = transport::tcp;
    record.destination = to_string(way);
    record.too_large = true;
  }
  write_via(request, way.over, mark);
  record.key = sip::client_key(request).value();
  record.branch = request.top_via()->branch();
}

sip::transaction_effects step::begin(client_record& record, sip::message request) {
  const bool reliable = parse_flow(record.destination).value_or(flow{}).reliable();
  if (request.is("INVITE"))
    return record.invite.emplace(std::move(request), reliable, s_.env->timers)
        .on(sip::start{}, now_);
  return record.other.emplace(std::move(request), reliable, s_.env->timers).on(sip::start{}, now_);
}

// RFC 3261 18.1.1: nobody takes streams there, so the large request is tried as a datagram.
void step::send_as_datagram(client_record& record) {
  auto request = record.request();
  auto top = request.top_via().value();
  top.transport = to_string(transport::udp);
  request.replace_first("Via", sip::to_string(top));
  record.too_large = false;
  record.destination = to_string(endpoint{parse_flow(record.destination).value_or(flow{})});
  const auto effects = begin(record, std::move(request));
  run(effects, outlet_of(record, false));
}

} // namespace holdfast::session
