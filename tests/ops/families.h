// The families of op cases: one file <family>_cases.cpp each.
#pragma once

#include <vector>

#include "tests/ops/op_case.h"

namespace temper::op_suite {

std::vector<OpCase> elementwise_cases();
std::vector<OpCase> fused_elementwise_cases();
std::vector<OpCase> reduction_cases();
std::vector<OpCase> shape_cases();
std::vector<OpCase> large_cases();
std::vector<OpCase> nn_cases();
std::vector<OpCase> loss_cases();
std::vector<OpCase> ctc_cases();
std::vector<OpCase> sampling_cases();
std::vector<OpCase> quantized_cases();
std::vector<OpCase> integer_cases();
std::vector<OpCase> recurrent_cases();
std::vector<OpCase> fused_cases();
std::vector<OpCase> update_cases();
std::vector<OpCase> other_domain_cases();
std::vector<OpCase> state_and_offset_cases();
std::vector<OpCase> instance_cases();

}  // namespace temper::op_suite
