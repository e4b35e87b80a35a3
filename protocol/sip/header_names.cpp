// What is known about header fields by name (RFC 3261 7.3.3, 20 and its extensions).
#include "protocol/sip/message.hpp"
#include "protocol/sip/text.hpp"

#include <algorithm>
#include <array>

namespace holdfast::sip {

namespace {

struct known_header {
  std::string_view name;
  char compact = 0;
  bool list = false;
};

constexpr std::array known_headers = {
    known_header{"Via", 'v', true},
    known_header{"From", 'f'},
    known_header{"To", 't'},
    known_header{"Call-ID", 'i'},
    known_header{"CSeq"},
    known_header{"Contact", 'm', true},
    known_header{"Max-Forwards"},
    known_header{"Route", 0, true},
    known_header{"Record-Route", 0, true},
    known_header{"Content-Length", 'l'},
    known_header{"Content-Type", 'c'},
    known_header{"Content-Encoding", 'e', true},
    known_header{"Supported", 'k', true},
    known_header{"Subject", 's'},
    known_header{"Event", 'o'},
    known_header{"Allow-Events", 'u', true},
    known_header{"Refer-To", 'r'},
    known_header{"Referred-By", 'b'},
    known_header{"Session-Expires", 'x'},
    known_header{"Accept-Contact", 'a', true},
    known_header{"Reject-Contact", 'j', true},
    known_header{"Request-Disposition", 'd', true},
    known_header{"Identity", 'y'},
    known_header{"Identity-Info", 'n'},
    known_header{"Accept", 0, true},
    known_header{"Accept-Encoding", 0, true},
    known_header{"Accept-Language", 0, true},
    known_header{"Alert-Info", 0, true},
    known_header{"Allow", 0, true},
    known_header{"Authentication-Info"},
    known_header{"Authorization"},
    known_header{"Call-Info", 0, true},
    known_header{"Content-Disposition"},
    known_header{"Content-Language", 0, true},
    known_header{"Date"},
    known_header{"Diversion", 0, true},
    known_header{"Error-Info", 0, true},
    known_header{"Expires"},
    known_header{"Flow-Timer"},
    known_header{"History-Info", 0, true},
    known_header{"In-Reply-To", 0, true},
    known_header{"Join"},
    known_header{"MIME-Version"},
    known_header{"Min-Expires"},
    known_header{"Min-SE"},
    known_header{"Organization"},
    known_header{"P-Asserted-Identity", 0, true},
    known_header{"P-Preferred-Identity", 0, true},
    known_header{"Path", 0, true},
    known_header{"Priority"},
    known_header{"Privacy"},
    known_header{"Proxy-Authenticate"},
    known_header{"Proxy-Authorization"},
    known_header{"Proxy-Require", 0, true},
    known_header{"RAck"},
    known_header{"RSeq"},
    known_header{"Reason", 0, true},
    known_header{"Replaces"},
    known_header{"Reply-To"},
    known_header{"Require", 0, true},
    known_header{"Retry-After"},
    known_header{"Server"},
    known_header{"Service-Route", 0, true},
    known_header{"SIP-ETag"},
    known_header{"SIP-If-Match"},
    known_header{"Subscription-State"},
    known_header{"Target-Dialog"},
    known_header{"Timestamp"},
    known_header{"Unsupported", 0, true},
    known_header{"User-Agent"},
    known_header{"Warning", 0, true},
    known_header{"WWW-Authenticate"},
};

const known_header* find_known(std::string_view name) {
  const auto matches = [&](const known_header& h) {
    return name.size() == 1 ? h.compact != 0 && h.compact == text::lower(name.front())
                            : text::same(h.name, name);
  };
  const auto* it = std::find_if(known_headers.begin(), known_headers.end(), matches);
  return it == known_headers.end() ? nullptr : it;
}

} // namespace

std::string canonical_header_name(std::string_view name) {
  const auto* known = find_known(name);
  return std::string{known != nullptr ? known->name : name};
}

bool is_list_header(std::string_view name) {
  const auto* known = find_known(name);
  return known != nullptr && known->list;
}

std::vector<std::string_view> split_list(std::string_view value) {
  std::vector<std::string_view> out;
  std::size_t begin = 0;
  bool in_brackets = false;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    if (c == '"' && !in_brackets) {
      const auto end = text::after_quoted(value, i);
      if (end == std::string_view::npos) break; // one malformed value rather than a wrong cut
      i = end - 1;
    } else if (c == '<') {
      in_brackets = true;
    } else if (c == '>') {
      in_brackets = false;
    } else if (c == ',' && !in_brackets) {
      out.push_back(text::trim(value.substr(begin, i - begin)));
      begin = i + 1;
    }
  }
  out.push_back(text::trim(value.substr(begin)));
  return out;
}

} // namespace holdfast::sip
