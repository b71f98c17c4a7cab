#include "graph/onnx/deploy/constant_numbers.h"

#include <utility>

#include <onnx.pb.h>

namespace temper::graph {
namespace {

constexpr std::int32_t kFloat = 1, kInt64 = 7;  // TensorProto.DataType
constexpr std::int32_t kTensor = 4;             // AttributeProto.AttributeType

}  // namespace

bool numbers_to_tensor(wire::NodeProto& node) {
  for (auto& attribute : *node.mutable_attribute()) {
    const std::string name = attribute.name();
    const bool floats = name.starts_with("value_float"), ints = name.starts_with("value_int");
    if (!floats && !ints) {
      continue;
    }
    wire::TensorProto tensor;
    tensor.set_data_type(floats ? kFloat : kInt64);
    if (name == "value_float") {
      tensor.add_float_data(attribute.f());
    } else if (name == "value_int") {
      tensor.add_int64_data(attribute.i());
    } else {
      tensor.add_dims(floats ? attribute.floats_size() : attribute.ints_size());
      *tensor.mutable_float_data() = attribute.floats();
      *tensor.mutable_int64_data() = attribute.ints();
    }
    attribute.Clear();
    attribute.set_name("value");
    attribute.set_type(kTensor);
    *attribute.mutable_t() = std::move(tensor);
    return true;
  }
  return false;
}

void numbers_to_tensors(ModelEdit& edit) {
  for (auto& node : *edit.graph().mutable_node()) {
    if (node.op_type() == "Constant" && normal_domain(node.domain()).empty()) {
      numbers_to_tensor(node);
    }
  }
  edit.proto();  // other tensors
}

}  // namespace temper::graph
