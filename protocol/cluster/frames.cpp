#include "protocol/cluster/frames.hpp"

namespace holdfast::cluster {

credit_class credit_class_of(frame_kind kind) {
  switch (kind) {
  case frame_kind::sip_in:
  case frame_kind::sip_out:
    return credit_class::sip;
  // One class, hence one order: a release never overtakes the commits before it.
  case frame_kind::commit:
  case frame_kind::stream_open:
  case frame_kind::stream_complete:
  case frame_kind::outbox_left:
  case frame_kind::audit:
  case frame_kind::release:
    return credit_class::commit;
  case frame_kind::join:
  case frame_kind::join_refused:
  case frame_kind::view:
  case frame_kind::view_pull:
  case frame_kind::container_report:
  case frame_kind::suspicion:
  case frame_kind::ask:
  case frame_kind::answer:
  case frame_kind::who_has:
  case frame_kind::who_has_reply:
  case frame_kind::directory_release:
  case frame_kind::inspect:
  case frame_kind::inspect_reply:
    return credit_class::control;
  // Acks, and what must never wait.
  default:
    return credit_class::none;
  }
}

} // namespace holdfast::cluster
