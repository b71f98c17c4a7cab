// The part of the elementwise family that looks at numbers: circular and hyperbolic functions,
// rounding, remainders, bits, NaN and infinity.
#pragma once

#include <vector>

#include "tests/ops/op_case.h"

namespace temper::op_suite {

void add_numbers(std::vector<OpCase>& cases);

}  // namespace temper::op_suite
