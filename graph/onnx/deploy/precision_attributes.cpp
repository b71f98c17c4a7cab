#include "graph/onnx/deploy/precision_attributes.h"

#include <onnx.pb.h>

#include "graph/onnx/deploy/weight_range.h"
#include "graph/onnx/surgery/node_attributes.h"
#include "graph/onnx/tensor_codec.h"

namespace temper::graph {
namespace {

constexpr std::int32_t kFloat = 1;   // TensorProto.DataType
constexpr std::int32_t kTensor = 4;  // AttributeProto.AttributeType

}  // namespace

void convert_attributes(wire::NodeProto& node, std::int32_t low, double limit,
                        const std::string& label) {
  if (node.op_type() == "Cast" && int_attribute(node, "to", 0) == kFloat) {
    set_int(node, "to", low);
  }
  if (node.op_type() != "ConstantOfShape") {
    return;
  }
  wire::AttributeProto* value = nullptr;
  for (auto& attribute : *node.mutable_attribute()) {
    value = attribute.name() == "value" ? &attribute : value;
  }
  if (value == nullptr) {
    value = node.add_attribute();
    value->set_name("value");
    value->set_type(kTensor);
    value->mutable_t()->set_data_type(kFloat);
    value->mutable_t()->add_dims(1);
    value->mutable_t()->add_float_data(0);
  }
  if (value->t().data_type() == kFloat) {
    const Tensor number = decode_tensor(value->t(), label, nullptr);
    wire::TensorProto& tensor = *value->mutable_t();
    tensor.clear_float_data();
    tensor.set_data_type(low);
    tensor.set_raw_data(encode_raw(low, clamped(number, limit), label));
  }
}

}  // namespace temper::graph
