// Every attribute form of ONNX, with its type deduced where an old file does not say it.
#include "graph/onnx/attributes.h"

#include <algorithm>

#include <onnx.pb.h>

#include "graph/ir/op_def.h"
#include "graph/onnx/tensor_codec.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

// AttributeProto.type
enum AttributeType : std::int32_t {
  kFloat = 1,
  kInt = 2,
  kString = 3,
  kTensor = 4,
  kGraph = 5,
  kFloats = 6,
  kInts = 7,
  kStrings = 8,
  kTensors = 9,
  kGraphs = 10,
  kSparse = 11,
  kSparses = 12,
  kTypeProto = 13,
  kTypeProtos = 14,
};

std::int32_t type_of(const wire::AttributeProto& a) {
  if (a.type() != 0) {
    return a.type();
  }
  return a.has_f()               ? kFloat
         : a.has_i()             ? kInt
         : a.has_s()             ? kString
         : a.has_t()             ? kTensor
         : a.has_g()             ? kGraph
         : a.floats_size() > 0   ? kFloats
         : a.strings_size() > 0  ? kStrings
         : a.tensors_size() > 0  ? kTensors
         : a.graphs_size() > 0   ? kGraphs
         : a.has_sparse_tensor() ? kSparse
         : a.has_tp()            ? kTypeProto
                                 : kInts;
}

void read_shape_filler(const wire::TensorProto& tensor, const FlatNode& node, Attrs& attrs) {
  const std::string what = concat("the value of ", node.label());
  TEMPER_CHECK(tensor.data_location() == 0, ErrorCode::kUnsupported,
               "its value lies in an external file");
  const Tensor value = decode_tensor(tensor, what, nullptr);
  TEMPER_CHECK(value.element_count() == 1, ErrorCode::kInvalidModel, what, " has ",
               value.element_count(), " elements, expected 1");
  attrs.set("dtype", std::string(to_string(value.dtype())));
  if (is_float(value.dtype()) || is_narrow(value.dtype())) {
    attrs.set("value", value.values<double>()[0]);
  } else {
    attrs.set("value", value.values<std::int64_t>()[0]);
  }
}

}  // namespace

Attrs read_attributes(const FlatNode& node, const OpDef& op) {
  Attrs attrs;
  for (const auto& [name, attribute] : node.attributes) {
    const wire::AttributeProto& a = *attribute;
    const auto& bodies = op.body_attributes;
    const bool is_body = type_of(a) == kGraph && attribute->name() == name &&
                         std::find(bodies.begin(), bodies.end(), name) != bodies.end();
    if (is_body || (type_of(a) == kTypeProto && name == op.type_name)) {
      continue;  // bodies are flattened; the type of an optional value is that of what it holds
    }
    TEMPER_CHECK(!name.empty(), ErrorCode::kInvalidModel, "an attribute has no name");
    switch (type_of(a)) {
      case kFloat:
        attrs.set(name, static_cast<double>(a.f()));
        break;
      case kInt:
        attrs.set(name, static_cast<std::int64_t>(a.i()));
        break;
      case kString:
        attrs.set(name, std::string(a.s()));
        break;
      case kFloats:
        attrs.set(name, std::vector<double>(a.floats().begin(), a.floats().end()));
        break;
      case kInts:
        attrs.set(name, std::vector<std::int64_t>(a.ints().begin(), a.ints().end()));
        break;
      case kStrings:
        attrs.set(name, std::vector<std::string>(a.strings().begin(), a.strings().end()));
        break;
      case kTensor:
        TEMPER_CHECK(!name.empty() && name == op.filler_name, ErrorCode::kUnsupported,
                     "the attribute ", name, " is a tensor");
        read_shape_filler(a.t(), node, attrs);
        break;
      case kGraph:
      case kTensors:
      case kGraphs:
      case kSparse:
      case kSparses:
      case kTypeProto:
      case kTypeProtos:
        fail(ErrorCode::kUnsupported, "the attribute ", name,
             " is a graph, a type, a sparse tensor or a list of tensors");
      default:
        fail(ErrorCode::kInvalidModel, "the attribute ", name, " has the type ", a.type(),
             ", which ONNX does not define");
    }
  }
  return attrs;
}

std::string constant_problem(const FlatNode& node) {
  for (const char* form : {"value", "value_float", "value_floats", "value_int", "value_ints"}) {
    if (node.find(form) != nullptr) {
      return {};
    }
  }
  for (const char* form : {"sparse_value", "value_string", "value_strings"}) {
    if (node.find(form) != nullptr) {
      return concat("Constant nodes with ", form);
    }
  }
  fail(ErrorCode::kInvalidModel, node.label(), " has no value");
}

bool holds_float(const FlatNode& node) {
  return node.find("value_float") != nullptr || node.find("value_floats") != nullptr;
}

Tensor constant_from_attributes(const FlatNode& node, const std::string& what) {
  if (const auto* a = node.find("value_float")) {
    return Tensor::scalar<float>(DType::kFloat32, a->f());
  }
  if (const auto* a = node.find("value_floats")) {
    return Tensor::from<float>(DType::kFloat32, {a->floats_size()},
                               {a->floats().data(), static_cast<std::size_t>(a->floats_size())});
  }
  if (const auto* a = node.find("value_int")) {
    return Tensor::scalar<std::int64_t>(DType::kInt64, a->i());
  }
  if (const auto* a = node.find("value_ints")) {
    const std::vector<std::int64_t> ints(a->ints().begin(), a->ints().end());
    return Tensor::from<std::int64_t>(DType::kInt64, {a->ints_size()}, ints);
  }
  fail(ErrorCode::kInvalidModel, what, ": its Constant node has no tensor");
}

}  // namespace temper::graph
