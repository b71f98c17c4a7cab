#include "graph/onnx/deploy/front_nodes.h"

#include <onnx.pb.h>

#include "graph/onnx/surgery/node_attributes.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

constexpr std::int32_t kFloat = 1;  // TensorProto.DataType

}  // namespace

FrontNodes::FrontNodes(ModelEdit& edit, const std::string& input, std::int32_t elem_type)
    : edit_(edit), input_(input), inner_(edit.unique(input + "_prepared")) {
  TEMPER_CHECK(edit.graph().node_size() > 0, ErrorCode::kUnsupported,
               "the model has no nodes, so there is nothing to put others in front of");
  first_ = &edit.graph().node(0);
  edit.rename(input, inner_);
  edit.unique(input);  // is a name of the model all the same
  for (auto& one : *edit.graph().mutable_input()) {
    if (one.name() == inner_) {
      inner_type_ = one.type().tensor_type().elem_type();
      one.set_name(input);
      one.mutable_type()->mutable_tensor_type()->set_elem_type(elem_type);
    }
  }
}

std::string FrontNodes::name(const char* what) { return edit_.unique(concat(input_, "_", what)); }

std::string FrontNodes::emit(const char* op, const std::vector<std::string>& inputs) {
  emitted_ = &edit_.insert_before(*first_, op, inputs, name(op));
  return emitted_->output(0);
}

std::string FrontNodes::cast(const std::string& value, std::int32_t elem_type) {
  const std::string made = emit("Cast", {value});
  set_int(*emitted_, "to", elem_type);
  return made;
}

std::string FrontNodes::integers(const std::vector<std::int64_t>& values) {
  const std::string made = name("numbers");
  edit_.add_integers(made, values);
  return made;
}

std::string FrontNodes::floats(const std::vector<double>& values, const Shape& shape) {
  const std::string made = name("factor");
  edit_.add_tensor(made, Tensor::from<double>(DType::kFloat32, shape, values), kFloat);
  return made;
}

PreparedInput FrontNodes::finish() {
  if (inner_type_ != kFloat) {
    cast(emitted_->output(0), inner_type_);
  }
  emitted_->set_output(0, inner_);
  return {input_, inner_};
}

}  // namespace temper::graph
