#include "graph/onnx/onnx_types.h"

#include <array>

#include <onnx.pb.h>

#include "runtime/base/concat.h"

namespace temper::graph {
namespace {

constexpr std::array<OnnxTypeFacts, 29> kTypes = {{
    {"UNDEFINED", DType::kUndefined, OnnxField::kNone},
    {"FLOAT", DType::kFloat32, OnnxField::kFloat},
    {"UINT8", DType::kUInt8, OnnxField::kInt32},
    {"INT8", DType::kInt8, OnnxField::kInt32},
    {"UINT16", DType::kUInt16, OnnxField::kInt32},
    {"INT16", DType::kInt16, OnnxField::kInt32},
    {"INT32", DType::kInt32, OnnxField::kInt32},
    {"INT64", DType::kInt64, OnnxField::kInt64},
    {"STRING", DType::kUndefined, OnnxField::kNone},
    {"BOOL", DType::kBool, OnnxField::kInt32},
    {"FLOAT16", DType::kFloat16, OnnxField::kInt32},
    {"DOUBLE", DType::kFloat64, OnnxField::kDouble},
    {"UINT32", DType::kUInt32, OnnxField::kUint64},
    {"UINT64", DType::kUInt64, OnnxField::kUint64},
    {"COMPLEX64", DType::kUndefined, OnnxField::kNone},
    {"COMPLEX128", DType::kUndefined, OnnxField::kNone},
    {"BFLOAT16", DType::kBFloat16, OnnxField::kInt32},
    {"FLOAT8E4M3FN", DType::kFloat8E4M3FN, OnnxField::kInt32},
    {"FLOAT8E4M3FNUZ", DType::kFloat8E4M3FNUZ, OnnxField::kInt32},
    {"FLOAT8E5M2", DType::kFloat8E5M2, OnnxField::kInt32},
    {"FLOAT8E5M2FNUZ", DType::kFloat8E5M2FNUZ, OnnxField::kInt32},
    {"UINT4", DType::kUInt4, OnnxField::kInt32},
    {"INT4", DType::kInt4, OnnxField::kInt32},
    {"FLOAT4E2M1", DType::kFloat4E2M1, OnnxField::kInt32},
    {"FLOAT8E8M0", DType::kFloat8E8M0, OnnxField::kInt32},
    {"UINT2", DType::kUInt2, OnnxField::kInt32},
    {"INT2", DType::kInt2, OnnxField::kInt32},
    {"FLOAT6E2M3", DType::kUndefined, OnnxField::kNone},
    {"FLOAT6E3M2", DType::kUndefined, OnnxField::kNone},
}};

}  // namespace

const OnnxTypeFacts& facts_of_type(std::int32_t type) {
  return kTypes[is_known_onnx_type(type) ? static_cast<std::size_t>(type) : 0];
}

bool is_known_onnx_type(std::int32_t type) {
  return type > 0 && static_cast<std::size_t>(type) < kTypes.size();
}

std::string onnx_type_name(std::int32_t type) {
  return is_known_onnx_type(type) ? facts_of_type(type).name : concat("type ", type);
}

DType graph_dtype(std::int32_t type) {
  const DType dtype = facts_of_type(type).dtype;
  return dtype == DType::kFloat16 || dtype == DType::kBFloat16 ? DType::kFloat32 : dtype;
}

std::string unsupported_reason(const wire::TensorProto& proto) {
  if (is_known_onnx_type(proto.data_type()) &&
      graph_dtype(proto.data_type()) == DType::kUndefined) {
    return concat("tensors of type ", onnx_type_name(proto.data_type()));
  }
  if (proto.has_segment()) {
    return "tensors split into segments";
  }
  return {};
}

}  // namespace temper::graph
