// Cases of random numbers, windows and Fourier transforms: part of the sampling family.
#pragma once

#include <vector>

#include "tests/ops/op_case.h"

namespace temper::op_suite {

void add_signal_cases(std::vector<OpCase>& cases);

}  // namespace temper::op_suite
