#include "protocol/sip/writer.hpp"

namespace holdfast::sip {

std::string to_bytes(const message& m) {
  std::size_t size = 64 + m.request_uri.size() + m.reason.size() + m.body.size();
  for (const auto& h : m.fields) size += h.name.size() + h.value.size() + 4;
  std::string out;
  out.reserve(size);
  if (m.is_request()) {
    out += m.method + " " + m.request_uri + " SIP/2.0\r\n";
  } else {
    out += "SIP/2.0 " + std::to_string(m.status) + " " + m.reason + "\r\n";
  }
  for (const auto& h : m.fields) {
    out += h.name;
    out += ": ";
    out += h.value;
    out += "\r\n";
  }
  out += "Content-Length: " + std::to_string(m.body.size()) + "\r\n\r\n";
  out += m.body;
  return out;
}

} // namespace holdfast::sip
