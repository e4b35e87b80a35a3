#include "protocol/sip/writer.hpp"

namespace holdfast::sip {

std::size_t size_at_most(const message& m) {
  std::size_t size = 64 + m.method.size() + m.request_uri.size() + m.reason.size() + m.body.size();
  for (const auto& h : m.fields) size += h.name.size() + h.value.size() + 4;
  return size;
}

std::string to_bytes(const message& m) {
  std::string out;
  out.reserve(size_at_most(m));
  if (m.is_request()) {
    out.append(m.method).append(" ").append(m.request_uri).append(" SIP/2.0\r\n");
  } else {
    out.append("SIP/2.0 ").append(std::to_string(m.status)).append(" ");
    out.append(m.reason).append("\r\n");
  }
  for (const auto& h : m.fields) out.append(h.name).append(": ").append(h.value).append("\r\n");
  out.append("Content-Length: ").append(std::to_string(m.body.size())).append("\r\n\r\n");
  out += m.body;
  return out;
}

} // namespace holdfast::sip
