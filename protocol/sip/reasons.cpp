// Reason phrases (RFC 3261 section 21 and the registry that grew out of it).
#include "protocol/sip/message.hpp"

#include <algorithm>
#include <array>

namespace holdfast::sip {

namespace {

struct phrase {
  int status;
  std::string_view text;
};

constexpr std::array phrases = {
    phrase{100, "Trying"},
    phrase{180, "Ringing"},
    phrase{181, "Call Is Being Forwarded"},
    phrase{182, "Queued"},
    phrase{183, "Session Progress"},
    phrase{199, "Early Dialog Terminated"},
    phrase{200, "OK"},
    phrase{202, "Accepted"},
    phrase{204, "No Notification"},
    phrase{300, "Multiple Choices"},
    phrase{301, "Moved Permanently"},
    phrase{302, "Moved Temporarily"},
    phrase{305, "Use Proxy"},
    phrase{380, "Alternative Service"},
    phrase{400, "Bad Request"},
    phrase{401, "Unauthorized"},
    phrase{402, "Payment Required"},
    phrase{403, "Forbidden"},
    phrase{404, "Not Found"},
    phrase{405, "Method Not Allowed"},
    phrase{406, "Not Acceptable"},
    phrase{407, "Proxy Authentication Required"},
    phrase{408, "Request Timeout"},
    phrase{410, "Gone"},
    phrase{412, "Conditional Request Failed"},
    phrase{413, "Request Entity Too Large"},
    phrase{414, "Request-URI Too Long"},
    phrase{415, "Unsupported Media Type"},
    phrase{416, "Unsupported URI Scheme"},
    phrase{420, "Bad Extension"},
    phrase{421, "Extension Required"},
    phrase{422, "Session Interval Too Small"},
    phrase{423, "Interval Too Brief"},
    phrase{429, "Provide Referrer Identity"},
    phrase{430, "Flow Failed"},
    phrase{439, "First Hop Lacks Outbound Support"},
    phrase{440, "Max-Breadth Exceeded"},
    phrase{480, "Temporarily Unavailable"},
    phrase{481, "Call/Transaction Does Not Exist"},
    phrase{482, "Loop Detected"},
    phrase{483, "Too Many Hops"},
    phrase{484, "Address Incomplete"},
    phrase{485, "Ambiguous"},
    phrase{486, "Busy Here"},
    phrase{487, "Request Terminated"},
    phrase{488, "Not Acceptable Here"},
    phrase{489, "Bad Event"},
    phrase{491, "Request Pending"},
    phrase{493, "Undecipherable"},
    phrase{494, "Security Agreement Required"},
    phrase{500, "Server Internal Error"},
    phrase{501, "Not Implemented"},
    phrase{502, "Bad Gateway"},
    phrase{503, "Service Unavailable"},
    phrase{504, "Server Time-out"},
    phrase{505, "Version Not Supported"},
    phrase{513, "Message Too Large"},
    phrase{580, "Precondition Failure"},
    phrase{600, "Busy Everywhere"},
    phrase{603, "Decline"},
    phrase{604, "Does Not Exist Anywhere"},
    phrase{606, "Not Acceptable"},
};

} // namespace

std::string_view default_reason(int status) {
  const auto* it = std::lower_bound(phrases.begin(), phrases.end(), status,
                                    [](const phrase& p, int s) { return p.status < s; });
  return it != phrases.end() && it->status == status ? it->text : "Unknown";
}

} // namespace holdfast::sip
