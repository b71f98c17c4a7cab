// Outputs of ops of com.microsoft by onnxruntime (tools/oracle/fused.py).
#pragma once

#include <string>
#include <vector>

#include "tests/ops/op_case.h"

namespace temper::op_suite {

struct FusedInput {
  Shape shape;
  DType dtype = DType::kOpaque;  // left out; kUndefined: floats by their formula
  std::vector<double> numbers;
};

struct FusedValues {
  std::string op;
  Attrs attrs;
  std::vector<FusedInput> inputs;
  std::vector<HostTensor> outputs;  // without values where left out
};

const std::vector<FusedValues>& fused_values();

}  // namespace temper::op_suite
