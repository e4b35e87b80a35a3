// Overload control between neighbours (RFC 7339, the loss-based algorithm): a client says in its
// Via that it understands, the server answers in the same Via by how many percent it should reduce.
//
//   we send      Via: ...;branch=...;oc;oc-algo="loss"
//   we hear      Via: ...;branch=...;oc=20;oc-algo="loss";oc-validity=500;oc-seq=1282321615.782
//
// Both directions: with what we hear we shed new requests to that neighbour ourselves; and we fill
// in the Via of those who said that they understand.
#pragma once

#include "protocol/core/endpoint.hpp"
#include "protocol/core/time.hpp"
#include "protocol/sip/via.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace holdfast::sip {

// A request on its way out, as bytes: the same with our offer in its top Via (RFC 7339 4.1). What
// has no Via that can be read is returned as it is.
[[nodiscard]] std::string offer_overload_control(std::string request);

// A response on its way out, as bytes: its top Via carries our wish if the client offered (RFC 7339
// 5.2). `loss_percent` 0 ends what was asked for earlier. `now` makes oc-seq.
[[nodiscard]] std::string ask_for_reduction(std::string response, unsigned loss_percent,
                                            duration validity, instant now);

// What neighbours asked us for.
class neighbours {
public:
  static constexpr std::size_t neighbours_max = 1'024; // above, the one that ends first gives way
  static constexpr duration validity_default{500ms};   // RFC 7339 4.3

  // The top Via of a response that came from there.
  void heard(const endpoint& from, const via& top, instant now);
  // Is a new request to `to` to be held back? (RFC 7339 5.10: answered here as if it had said 503.)
  [[nodiscard]] bool sheds(const endpoint& to, std::uint64_t random, instant now) const;

  [[nodiscard]] std::size_t size() const { return wishes_.size(); }

private:
  struct wish {
    unsigned loss_percent = 0;
    double seq = 0;
    instant until;
  };
  std::map<endpoint, wish> wishes_;
};

} // namespace holdfast::sip
