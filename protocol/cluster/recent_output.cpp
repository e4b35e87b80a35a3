#include "protocol/cluster/recent_output.hpp"

#include <utility>

namespace holdfast::cluster {

void recent_output::said(std::string_view proxy, request what, instant now) {
  forget_old(now);
  if (said_.size() >= requests_max) said_.pop_front();
  said_.push_back({std::string{proxy}, std::move(what), now});
}

std::vector<recent_output::request> recent_output::take(std::string_view proxy, instant now) {
  forget_old(now);
  std::vector<request> lost;
  std::erase_if(said_, [&](entry& e) {
    if (e.proxy != proxy) return false;
    lost.push_back(std::move(e.what));
    return true;
  });
  return lost;
}

void recent_output::forget_old(instant now) {
  while (!said_.empty() && now - said_.front().at > kept) said_.pop_front();
}

} // namespace holdfast::cluster
