#include "protocol/cluster/frames.hpp"

namespace holdfast::cluster {

credit_class credit_class_of(frame_kind kind) {
  switch (kind) {
    case frame_kind::sip_in:
    case frame_kind::sip_out: return credit_class::sip;
    case frame_kind::commit: return credit_class::commit;
    case frame_kind::batch:
    case frame_kind::hello:
    case frame_kind::credit:
    case frame_kind::handled:
    case frame_kind::commit_ack:
    case frame_kind::keepalive_ack: return credit_class::none;
    default: return credit_class::control;
  }
}

} // namespace holdfast::cluster
