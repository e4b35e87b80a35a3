// Digest authentication within a step: asking a client for credentials (RFC 3261 22.2, 22.3), and
// answering whoever asks us (22.2, 22.4).
#include "protocol/session/directory_key.hpp"
#include "protocol/session/question.hpp"
#include "protocol/session/step.hpp"
#include "protocol/sip/text.hpp"
#include "protocol/sip/transport_rules.hpp"

#include <algorithm>

namespace holdfast::session {

namespace {

constexpr duration nonce_lookup_timeout = 2s; // design, "Location"

struct header_pair {
  const char* challenge;
  const char* credentials;
  int status;
};

constexpr header_pair of_user_agent{"WWW-Authenticate", "Authorization", 401};
constexpr header_pair of_proxy{"Proxy-Authenticate", "Proxy-Authorization", 407};

// The credentials for our realm; nullopt: none that can be read.
std::optional<sip::credentials> presented(const sip::message& request, const header_pair& names,
                                          const std::string& realm) {
  for (const auto value : request.headers(names.credentials))
    if (auto read = sip::parse_credentials(value); read && read->realm == realm)
      return std::move(*read);
  return std::nullopt;
}

// Credentials for one of our realms are not for whoever comes next (RFC 3261 22.3).
void strip(sip::message& request, const header_pair& names, const std::string& realm) {
  std::vector<std::string> kept;
  for (const auto value : request.headers(names.credentials)) {
    const auto read = sip::parse_credentials(value);
    if (!read || read->realm != realm) kept.emplace_back(value);
  }
  request.remove(names.credentials);
  for (auto& value : kept) request.add(names.credentials, std::move(value));
}

// RFC 3261 22.4, 8: the digest was made for this request and no other.
bool made_for(const sip::credentials& given, const sip::message& request) {
  if (given.uri == request.request_uri) return true;
  const auto theirs = sip::parse_uri(given.uri);
  const auto asked = sip::parse_uri(request.request_uri);
  return theirs && asked && sip::equivalent(*theirs, *asked);
}

// Who a request says it is from: of a REGISTER whose bindings it changes (RFC 3261 10.3, 4).
std::optional<sip::uri> claimed_identity(const sip::message& request) {
  const auto address = request.is("REGISTER") ? request.to() : request.from();
  if (!address || !address->uri.is_sip()) return std::nullopt;
  return address->uri;
}

bool is_anonymous(const sip::uri& identity) { // RFC 3323 4.1.1.3
  return sip::text::same(identity.host, "anonymous.invalid");
}

bool is_of(const sip::uri& identity, const std::string& user) {
  const auto plain = sip::unescape(identity.user).value_or(identity.user);
  return plain == user || plain + "@" + identity.host == user;
}

std::string aor_of(const sip::message& request, const sip::credentials& given) {
  const auto identity = claimed_identity(request);
  if (identity && !is_anonymous(*identity)) return sip::canonical_aor(*identity);
  return "sip:" + given.username + "@" + given.realm;
}

const header_pair& names_for(bool proxying) {
  return proxying ? of_proxy : of_user_agent;
}

} // namespace

bool step::proxying(const sip::message& request) const {
  const auto* rule = s_.app ? nullptr : s_.env->rule_for(request);
  return (rule != nullptr ? rule->application : s_.application_name) == "proxy";
}

// True: go on with it now. False: it was answered, or somebody is asked about its nonce.
bool step::admitted(transaction_id id) {
  const auto& keeper = s_.env->authentication;
  auto* record = server(id);
  const auto& request = record->request();
  const auto source = parse_flow(record->source).value_or(flow{});
  if (!keeper || !keeper->asks(request.method, source.host)) return true;
  const auto& names = names_for(proxying(request));
  const auto given = presented(request, names, keeper->realm);
  if (!given) return challenge(id, false), false;
  if (!made_for(*given, request)) return respond(id, 400), false; // RFC 7616 3.4.6
  if (!keeper->proves(*given, request.method, request.body)) return challenge(id, false), false;
  // Who knows the password may hear that only the nonce is at fault.
  if (!keeper->genuine(given->nonce, now_)) return challenge(id, true), false;
  const auto identity = claimed_identity(request);
  const bool anonymous = identity && is_anonymous(*identity) && !request.is("REGISTER");
  if (!identity || (!anonymous && !is_of(*identity, given->username)))
    return respond(id, 403), false;
  record->user = given->username;
  const auto used = s_.nonces.use(given->nonce, given->nonce_count);
  if (used == nonce_table::verdict::fresh) return true;
  const auto key = directory_key_of_aor(aor_of(request, *given));
  const bool here = std::find(s_.keys.begin(), s_.keys.end(), key) != s_.keys.end();
  if (used == nonce_table::verdict::replayed || here) return challenge(id, true), false;
  const auto asked = pose(
      key, {question::subject::nonce, encode(nonce_question{given->nonce, given->nonce_count})},
      nonce_lookup_timeout);
  server(id)->nonce_question = asked;
  if (request.is("INVITE")) trying(id);
  return false;
}

// Anybody would be asked the same again, so nothing is kept of it.
void step::challenge(transaction_id id, bool stale) {
  auto* record = server(id);
  const auto& keeper = *s_.env->authentication;
  const auto& names = names_for(proxying(record->request()));
  const auto nonce = keeper.make_nonce(now_, s_.random.next());
  s_.nonces.issued(nonce, now_ + keeper.nonce_lifetime);
  content carried;
  for (auto& value : keeper.challenges(nonce, stale))
    carried.headers.push_back({names.challenge, std::move(value)});
  record->challenged = true;
  respond(id, names.status, carried);
}

// The session of the address of record has said whether the nonce is good.
bool step::take_nonce_answer(const answered& reply) {
  const auto record = std::find_if(s_.servers.begin(), s_.servers.end(), [&](const auto& r) {
    return r.nonce_question == reply.id && reply.id != 0;
  });
  if (record == s_.servers.end()) return false;
  const auto id = record->id;
  record->nonce_question = 0;
  if (record->answered) return true; // cancelled meanwhile
  const auto said = reply.what == answered::outcome::reply ? decode<nonce_answer>(reply.bytes)
                                                           : fail("nobody knows it");
  if (!said || said->verdict != nonce_table::verdict::fresh) {
    record->user.clear();
    challenge(id, true);
  } else if (record->request().to_tag().empty()) {
    proceed_initial(id);
  } else {
    proceed_in_dialog(id);
  }
  return true;
}

std::string step::answer_about_nonce(const std::string& bytes) {
  const auto asked = decode<nonce_question>(bytes);
  if (!asked) return {};
  return encode(nonce_answer{s_.nonces.use(asked->nonce, asked->count)});
}

sip::message step::without_our_credentials(sip::message request) const {
  if (const auto& keeper = s_.env->authentication) {
    strip(request, of_user_agent, keeper->realm);
    strip(request, of_proxy, keeper->realm);
  }
  return request;
}

// A challenge to a request of ours that we have an account for: it goes out again with credentials,
// under the id that the application knows. False: the application has to hear of it.
bool step::answer_challenge(transaction_id id, const sip::message& response) {
  if (response.status != 401 && response.status != 407) return false;
  const auto& names = response.status == 401 ? of_user_agent : of_proxy;
  auto* record = client(id);
  if (record == nullptr || record->forwarded || s_.env->trunk_accounts.empty()) return false;
  auto retry = record->request();
  const auto dialog_of_record = record->in_dialog ? record->dialog : dialog_id{};
  auto* d = dialog(dialog_of_record);
  if (record->in_dialog && d == nullptr && !retry.is("BYE")) return false;
  for (const auto value : response.headers(names.challenge)) {
    const auto asked = sip::parse_challenge(value);
    if (!asked) continue;
    const auto mine = std::find_if(
        s_.env->trunk_accounts.begin(), s_.env->trunk_accounts.end(), [&](const account& a) {
          return a.realm == asked->realm && a.algorithm == asked->algorithm;
        });
    if (mine == s_.env->trunk_accounts.end()) continue;
    // Refused although we proved it: it would be refused again.
    if (presented(retry, names, asked->realm) && !asked->stale) return false;
    if (++record->challenges > challenges_max) return false;
    strip(retry, names, asked->realm);
    retry.add(names.credentials,
              sip::to_string(sip::answer_to(*asked, mine->user, mine->ha1, retry.method,
                                            retry.request_uri, retry.body, s_.random.unique(), 1)));
    repeat_request(id, std::move(retry));
    return true;
  }
  return false;
}

// RFC 3261 22.2: the same request with a CSeq one higher, a new branch, and all else as it was.
void step::repeat_request(transaction_id id, sip::message retry) {
  auto* old = client(id);
  auto number = retry.cseq()->number + 1;
  if (auto* d = dialog(old->dialog); d != nullptr && old->in_dialog)
    number = ++d->dialog.local_cseq; // others may have gone out meanwhile
  retry.set("CSeq", sip::to_string(sip::cseq{number, retry.method}));
  retry.remove_first("Via");
  old->answered = true;
  const auto known_as = old->known_as == transaction_id{} ? id : old->known_as;
  const auto destination = old->destination;
  const auto proxy = old->proxy;
  const auto of = old->in_dialog ? old->dialog : dialog_id{};
  const bool for_application = old->application_s;
  const bool fixed = old->fixed_destination;
  const bool cancelling = old->cancel_wanted;
  const auto challenges = old->challenges;
  old->application_s = false;
  if (of == dialog_id{})
    std::erase_if(s_.dialogs, [&](const auto& each) { return each.made_by == id; });
  const auto fresh =
      start_client(std::move(retry), destination, proxy, of, for_application, known_as);
  auto* record = client(fresh);
  if (record == nullptr) return;
  record->challenges = challenges;
  record->fixed_destination = fixed;
  if (cancelling) cancel(known_as);
}

} // namespace holdfast::session
