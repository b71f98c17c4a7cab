// The activations' part of the elementwise family.
#pragma once

#include <vector>

#include "tests/ops/op_case.h"

namespace temper::op_suite {

void add_activations(std::vector<OpCase>& cases);

}  // namespace temper::op_suite
