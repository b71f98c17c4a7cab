// From which opset on ONNX allows the floats of an operator to be in 16 bits.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/dtype.h"

namespace temper::graph {

// A line each: the operator, and the opset for float16 and for bfloat16; 1000: none.
extern const std::string_view kSixteenBitOps;

// Operators that stay in float32 whatever ONNX allows: those of onnxconverter-common's list, and
// what names its type in an attribute or has values of two types.
bool needs_float32(const std::string& op);

// Their floats are looked at, whatever they are: no value of another float type comes of them.
bool takes_any_float(const std::string& op);

bool allows_sixteen_bits(const std::string& op, DType type, std::int64_t opset);

}  // namespace temper::graph
