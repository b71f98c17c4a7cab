// Further cases of the reduction family: reduction_cases() has them at its end.
#pragma once

#include <vector>

#include "tests/ops/op_case.h"

namespace temper::op_suite {

void add_normalisation_cases(std::vector<OpCase>& cases);
void add_cumulative_cases(std::vector<OpCase>& cases);
void add_attention_cases(std::vector<OpCase>& cases);
void add_fused_attention_cases(std::vector<OpCase>& cases);
void add_product_cases(std::vector<OpCase>& cases);

}  // namespace temper::op_suite
