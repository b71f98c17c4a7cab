// The element types that ONNX defines.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/base/dtype.h"

namespace temper::wire {
class TensorProto;
}

namespace temper::graph {

// The list of a TensorProto that holds the values which are not raw.
enum class OnnxField { kNone, kFloat, kDouble, kInt32, kInt64, kUint64 };

struct OnnxTypeFacts {
  const char* name;
  DType dtype;  // as stored; kUndefined: not supported
  OnnxField field;
};

// Of TensorProto.DataType; those of UNDEFINED for numbers that ONNX does not know.
const OnnxTypeFacts& facts_of_type(std::int32_t type);
// "FLOAT16"; "type 77" for numbers ONNX does not know.
std::string onnx_type_name(std::int32_t type);
// The graph's type for an ONNX type, kUndefined when it has none here (strings,
// complex numbers, 6 bits). 16-bit floats give f32.
DType graph_dtype(std::int32_t type);
// Whether ONNX defines the number.
bool is_known_onnx_type(std::int32_t type);

// Why a well-formed tensor cannot be read here ("tensors of type STRING"), or "".
std::string unsupported_reason(const wire::TensorProto& proto);

}  // namespace temper::graph
