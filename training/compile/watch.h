// The gradients of a step as outputs of its graph, for histograms: unscaled, before clipping. A
// graph that does not ask for them is as if this did not exist.
#pragma once

#include <string_view>

namespace temper::training {

inline constexpr std::string_view kGradientOutput = "grad:";  // "grad:name of the parameter"

}  // namespace temper::training
