// From which opset on ONNX allows the floats of an operator to be in 16 bits.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/dtype.h"

namespace temper::graph {

// A line each: the operator, and the opset for float16 and for bfloat16; 1000: none.
extern const std::string_view kSixteenBitOps;

bool allows_sixteen_bits(const std::string& op, DType type, std::int64_t opset);

}  // namespace temper::graph
