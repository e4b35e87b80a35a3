#include "runtime/exercise/session_description.hpp"

#include "protocol/sip/text.hpp"
#include "runtime/exercise/exercise_id.hpp"

#include <vector>

namespace holdfast::exercise {

std::string to_text(const session_description& sdp) {
  const std::string where =
      (sdp.address.find(':') == std::string::npos ? "IN IP4 " : "IN IP6 ") + sdp.address;
  std::string out = "v=0\r\no=" + sdp.user + " " + std::to_string(sdp.session) + " "
                    + std::to_string(sdp.version) + " " + where + "\r\ns=exercise\r\nc=" + where
                    + "\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=inactive\r\n";
  if (!sdp.id.empty()) out += "a=" + id_line(sdp.id) + "\r\n";
  return out;
}

std::string origin_line(std::string_view body) {
  std::size_t at = body.starts_with("o=") ? 0 : body.find("\no=");
  if (at == std::string_view::npos) return {};
  at += body[at] == '\n' ? 3 : 2;
  return std::string{body.substr(at, body.find_first_of("\r\n", at) - at)};
}

std::optional<origin> parse_origin(std::string_view line) {
  std::vector<std::string_view> words;
  while (!line.empty()) {
    const auto blank = line.find(' ');
    words.push_back(line.substr(0, blank));
    line.remove_prefix(blank == std::string_view::npos ? line.size() : blank + 1);
  }
  if (words.size() != 6) return std::nullopt;
  const auto version = sip::text::to_number(words[2], UINT64_MAX);
  if (!version) return std::nullopt;
  origin out;
  out.version = *version;
  for (const std::size_t i : {0U, 1U, 3U, 4U, 5U}) out.identity += std::string{words[i]} + " ";
  return out;
}

} // namespace holdfast::exercise
