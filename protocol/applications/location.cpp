#include "protocol/applications/location.hpp"

#include "protocol/applications/application.hpp"
#include "protocol/session/directory_key.hpp"
#include "protocol/sip/name_addr.hpp"

namespace holdfast::applications {

std::uint64_t ask_location(context& session, const sip::uri& target) {
  const bool temporary = target.has_param("gr") && target.user.starts_with(temporary_gruu_mark);
  if (!temporary) {
    const auto aor = sip::canonical_aor(target);
    return session.ask(session::directory_key_of_aor(aor),
                       encode(location_query{.aor = aor, .gruu = std::string{target.param("gr")}}),
                       lookup_timeout);
  }
  const auto named = session.reveal(target.user.substr(temporary_gruu_mark.size()));
  if (!named) return 0;
  return session.ask_session(
      named->session, encode(location_query{.aor = {}, .gruu = {}, .temporary = named->what}),
      lookup_timeout);
}

} // namespace holdfast::applications
