// Which gradients are not differentiated again.
#pragma once

#include <set>
#include <string>

namespace temper::op_suite {

// The gradient driver refuses them by name.
inline const std::set<std::string> kNoSecondDerivative = {"CtcLoss", "GridSample"};

}  // namespace temper::op_suite
