// The parts of the neural-network family, one file each.
#pragma once

#include <vector>

#include "tests/ops/op_case.h"

namespace temper::op_suite {

void add_matmul_cases(std::vector<OpCase>& cases);
void add_conv_cases(std::vector<OpCase>& cases);
void add_pool_cases(std::vector<OpCase>& cases);
void add_norm_cases(std::vector<OpCase>& cases);
void add_dropout_cases(std::vector<OpCase>& cases);

}  // namespace temper::op_suite
