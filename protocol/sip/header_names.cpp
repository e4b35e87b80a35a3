#include "protocol/sip/header_names.hpp"

#include "protocol/sip/message.hpp"
#include "protocol/sip/text.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace holdfast::sip {

namespace {

struct known_header {
  header_name id = header_name::unknown;
  std::string_view name;
  char compact = 0;
  bool list = false;
};

constexpr std::array known_headers = {
    known_header{header_name::via, "Via", 'v', true},
    known_header{header_name::from, "From", 'f'},
    known_header{header_name::to, "To", 't'},
    known_header{header_name::call_id, "Call-ID", 'i'},
    known_header{header_name::cseq, "CSeq"},
    known_header{header_name::contact, "Contact", 'm', true},
    known_header{header_name::max_forwards, "Max-Forwards"},
    known_header{header_name::route, "Route", 0, true},
    known_header{header_name::record_route, "Record-Route", 0, true},
    known_header{header_name::content_length, "Content-Length", 'l'},
    known_header{header_name::content_type, "Content-Type", 'c'},
    known_header{header_name::content_encoding, "Content-Encoding", 'e', true},
    known_header{header_name::supported, "Supported", 'k', true},
    known_header{header_name::subject, "Subject", 's'},
    known_header{header_name::event, "Event", 'o'},
    known_header{header_name::allow_events, "Allow-Events", 'u', true},
    known_header{header_name::refer_to, "Refer-To", 'r'},
    known_header{header_name::referred_by, "Referred-By", 'b'},
    known_header{header_name::session_expires, "Session-Expires", 'x'},
    known_header{header_name::accept_contact, "Accept-Contact", 'a', true},
    known_header{header_name::reject_contact, "Reject-Contact", 'j', true},
    known_header{header_name::request_disposition, "Request-Disposition", 'd', true},
    known_header{header_name::identity, "Identity", 'y'},
    known_header{header_name::identity_info, "Identity-Info", 'n'},
    known_header{header_name::accept, "Accept", 0, true},
    known_header{header_name::accept_encoding, "Accept-Encoding", 0, true},
    known_header{header_name::accept_language, "Accept-Language", 0, true},
    known_header{header_name::alert_info, "Alert-Info", 0, true},
    known_header{header_name::allow, "Allow", 0, true},
    known_header{header_name::authentication_info, "Authentication-Info"},
    known_header{header_name::authorization, "Authorization"},
    known_header{header_name::call_info, "Call-Info", 0, true},
    known_header{header_name::content_disposition, "Content-Disposition"},
    known_header{header_name::content_language, "Content-Language", 0, true},
    known_header{header_name::date, "Date"},
    known_header{header_name::diversion, "Diversion", 0, true},
    known_header{header_name::error_info, "Error-Info", 0, true},
    known_header{header_name::expires, "Expires"},
    known_header{header_name::flow_timer, "Flow-Timer"},
    known_header{header_name::history_info, "History-Info", 0, true},
    known_header{header_name::in_reply_to, "In-Reply-To", 0, true},
    known_header{header_name::join, "Join"},
    known_header{header_name::mime_version, "MIME-Version"},
    known_header{header_name::min_expires, "Min-Expires"},
    known_header{header_name::min_se, "Min-SE"},
    known_header{header_name::organization, "Organization"},
    known_header{header_name::p_asserted_identity, "P-Asserted-Identity", 0, true},
    known_header{header_name::p_preferred_identity, "P-Preferred-Identity", 0, true},
    known_header{header_name::path, "Path", 0, true},
    known_header{header_name::priority, "Priority"},
    known_header{header_name::privacy, "Privacy"},
    known_header{header_name::proxy_authenticate, "Proxy-Authenticate"},
    known_header{header_name::proxy_authorization, "Proxy-Authorization"},
    known_header{header_name::proxy_require, "Proxy-Require", 0, true},
    known_header{header_name::rack, "RAck"},
    known_header{header_name::rseq, "RSeq"},
    known_header{header_name::reason, "Reason", 0, true},
    known_header{header_name::replaces, "Replaces"},
    known_header{header_name::reply_to, "Reply-To"},
    known_header{header_name::require, "Require", 0, true},
    known_header{header_name::retry_after, "Retry-After"},
    known_header{header_name::server, "Server"},
    known_header{header_name::service_route, "Service-Route", 0, true},
    known_header{header_name::sip_etag, "SIP-ETag"},
    known_header{header_name::sip_if_match, "SIP-If-Match"},
    known_header{header_name::subscription_state, "Subscription-State"},
    known_header{header_name::target_dialog, "Target-Dialog"},
    known_header{header_name::timestamp, "Timestamp"},
    known_header{header_name::unsupported, "Unsupported", 0, true},
    known_header{header_name::user_agent, "User-Agent"},
    known_header{header_name::warning, "Warning", 0, true},
    known_header{header_name::www_authenticate, "WWW-Authenticate"},
};

constexpr bool is_in_order() {
  for (std::size_t i = 0; i < known_headers.size(); ++i)
    if (known_headers[i].id != static_cast<header_name>(i)) return false;
  return known_headers.size() == header_names_known;
}
static_assert(is_in_order(), "the table and the enumeration name the same headers");

// A hash of length, first, middle and last letter, each known name in a slot of its own: the factors
// were found by trying, and a new name may need others.
constexpr std::size_t slots = 256;

// Letters without their case: the bit in which they differ is set. Of what may stand in a line, only
// the two cases of a letter become that letter, and only '-' becomes '-' (CR does too).
constexpr unsigned char folded(char c) {
  return static_cast<unsigned char>(c) | 0x20U;
}

constexpr std::size_t slot_of(std::string_view name) {
  const auto first = static_cast<unsigned>(folded(name.front()));
  const auto last = static_cast<unsigned>(folded(name.back()));
  const auto middle = static_cast<unsigned>(folded(name[name.size() / 2]));
  return (name.size() + first * 23U + last * 9U + middle * 5U) % slots;
}

// A name folded, to be compared several letters at a time.
struct candidate {
  std::array<char, 22> name{};
  std::uint8_t size = 0;
  header_name id = header_name::unknown;
};

constexpr std::array<candidate, slots> make_slots() {
  std::array<candidate, slots> out{};
  for (const auto& h : known_headers) {
    auto& c = out[slot_of(h.name)];
    for (std::size_t i = 0; i < h.name.size(); ++i) c.name[i] = static_cast<char>(folded(h.name[i]));
    c.size = static_cast<std::uint8_t>(h.name.size());
    c.id = h.id;
  }
  return out;
}
constexpr auto by_name = make_slots();
static_assert(std::ranges::all_of(known_headers,
                                  [](const auto& h) { return by_name[slot_of(h.name)].id == h.id; }),
              "two names have one slot");

template <class Word>
bool same_word(const char* name, const char* known) {
  constexpr auto cases = static_cast<Word>(0x2020202020202020ULL);
  Word a, b;
  std::memcpy(&a, name, sizeof a);
  std::memcpy(&b, known, sizeof b);
  return (a | cases) == b;
}

// The last word overlaps the one before.
template <class Word>
bool same_words(const char* name, const char* known, std::size_t size) {
  for (std::size_t at = 0; at + sizeof(Word) < size; at += sizeof(Word))
    if (!same_word<Word>(name + at, known + at)) return false;
  return same_word<Word>(name + size - sizeof(Word), known + size - sizeof(Word));
}

// Of the same size.
bool same_name(const char* name, const char* known, std::size_t size) {
  if (size >= 8) return same_words<std::uint64_t>(name, known, size);
  if (size >= 4) return same_words<std::uint32_t>(name, known, size);
  return same_words<std::uint16_t>(name, known, size);
}

constexpr std::array<header_name, 26> make_compact() {
  std::array<header_name, 26> out{};
  out.fill(header_name::unknown);
  for (const auto& h : known_headers)
    if (h.compact != 0) out[static_cast<std::size_t>(h.compact - 'a')] = h.id;
  return out;
}
constexpr auto by_letter = make_compact();

const known_header& row(header_name name) {
  return known_headers[static_cast<std::size_t>(name)];
}

} // namespace

header_name header_name_of(std::string_view name) {
  if (name.empty()) return header_name::unknown;
  if (name.size() == 1)
    return text::is_alpha(name.front())
               ? by_letter[static_cast<std::size_t>(text::lower(name.front()) - 'a')]
               : header_name::unknown;
  const auto& only = by_name[slot_of(name)];
  const bool same =
      only.size == name.size() && same_name(name.data(), only.name.data(), name.size());
  return same ? only.id : header_name::unknown;
}

std::string_view to_string(header_name name) {
  return name == header_name::unknown ? std::string_view{} : row(name).name;
}

std::string canonical_header_name(std::string_view name) {
  const auto known = header_name_of(name);
  return std::string{known == header_name::unknown ? name : row(known).name};
}

bool is_list_header(header_name name) {
  return name != header_name::unknown && row(name).list;
}

bool is_list_header(std::string_view name) {
  return is_list_header(header_name_of(name));
}

bool list_cursor::next(std::string_view& value) {
  if (done_) return false;
  if (rest_.find(',') == std::string_view::npos) { // most lines have one value
    value = text::trim(rest_);
    done_ = true;
    return true;
  }
  bool in_brackets = false;
  for (std::size_t i = 0; i < rest_.size(); ++i) {
    const char c = rest_[i];
    if (c == '"' && !in_brackets) {
      const auto end = text::after_quoted(rest_, i);
      if (end == std::string_view::npos) break; // one malformed value rather than a wrong cut
      i = end - 1;
    } else if (c == '<') {
      in_brackets = true;
    } else if (c == '>') {
      in_brackets = false;
    } else if (c == ',' && !in_brackets) {
      value = text::trim(rest_.substr(0, i));
      rest_.remove_prefix(i + 1);
      return true;
    }
  }
  value = text::trim(rest_);
  done_ = true;
  return true;
}

std::vector<std::string_view> split_list(std::string_view list) {
  std::vector<std::string_view> out;
  list_cursor cursor{list};
  for (std::string_view value; cursor.next(value);) out.push_back(value);
  return out;
}

} // namespace holdfast::sip
