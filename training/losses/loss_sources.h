// Where the formulas of the losses are from: for the guide of `temper help losses`.
#pragma once

#include <string_view>

#include "training/losses/loss.h"

namespace temper::training {

// The module of torch.nn whose values a loss has, or a paper. REQUIRES: one of losses().
std::string_view source_of(const Loss& loss);

}  // namespace temper::training
