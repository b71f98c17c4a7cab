// Cases of Resize, GridSample and RoiAlign with the outputs of onnx's reference evaluator.
#pragma once

#include <vector>

#include "tests/ops/op_case.h"

namespace temper::op_suite {

std::vector<OpCase> resize_cases();
std::vector<OpCase> grid_sample_cases();
std::vector<OpCase> roi_align_cases();

}  // namespace temper::op_suite
