#include "protocol/sip/related_requests.hpp"

#include "protocol/sip/text.hpp"

namespace holdfast::sip {

namespace {

void copy(const message& from, message& to, std::string_view name) {
  for (const auto& h : from.fields)
    if (text::same(h.name, name)) to.fields.push_back(h);
}

message derived(const message& request, std::string_view method, const message& to_source) {
  message out;
  out.method = method;
  out.request_uri = request.request_uri;
  if (const auto line = request.header("Via"))
    out.add("Via", std::string{split_list(*line).front()});
  copy(request, out, "Route");
  out.add("Max-Forwards", "70");
  copy(request, out, "From");
  copy(to_source, out, "To");
  copy(request, out, "Call-ID");
  const auto number = request.cseq();
  out.add("CSeq", to_string(cseq{number ? number->number : 0, std::string{method}}));
  return out;
}

} // namespace

message make_cancel(const message& request) {
  return derived(request, "CANCEL", request);
}

message make_non_2xx_ack(const message& invite, const message& response) {
  return derived(invite, "ACK", response);
}

} // namespace holdfast::sip
