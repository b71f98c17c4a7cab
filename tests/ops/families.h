// The families of op cases: one file <family>_cases.cpp each.
#pragma once

#include <vector>

#include "tests/ops/op_case.h"

namespace temper::op_suite {

[[gnu::weak]] std::vector<OpCase> elementwise_cases();
[[gnu::weak]] std::vector<OpCase> reduction_cases();
[[gnu::weak]] std::vector<OpCase> shape_cases();
[[gnu::weak]] std::vector<OpCase> nn_cases();
[[gnu::weak]] std::vector<OpCase> loss_cases();
[[gnu::weak]] std::vector<OpCase> update_cases();

}  // namespace temper::op_suite
