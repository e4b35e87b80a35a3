// Faults that conspire. What the fences, the leases and the order of commits guard against happens
// only where one thing goes wrong while another does: an owner dies with words on its lips that no
// copy has heard, or while its only copy is half filled. Chance hardly ever finds such moments;
// these plans go there.
#pragma once

#include "simulations/plan/dice.hpp"
#include "simulations/plan/run_plan.hpp"

namespace holdfast::simulations {

// Replaces the faults of `plan`, and brings its calls to where they matter.
void draw_ambush(dice& d, run_plan& plan);

} // namespace holdfast::simulations
