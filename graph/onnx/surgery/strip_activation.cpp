#include "graph/onnx/surgery/strip_activation.h"

#include <onnx.pb.h>

#include "graph/onnx/places.h"
#include "graph/onnx/surgery/classifier.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

bool gives_probabilities(const FlatNode& node) {
  const Activation activation = facts_of(node).activation;
  return activation == Activation::kSoftmax || activation == Activation::kLogSoftmax ||
         activation == Activation::kSigmoid;
}

}  // namespace

std::string final_activation(ModelEdit& edit, const std::string& output) {
  const FlatGraph flat = edit.flat();
  const FlatNode* node = FlatIndex(flat).maker(output);
  return node != nullptr && gives_probabilities(*node) ? node->label() : "";
}

void strip_activation(ModelEdit& edit, const std::string& wanted) {
  const std::string output = output_name(edit, wanted);
  const FlatGraph flat = edit.flat();
  const FlatIndex index(flat);
  const FlatNode* node = index.maker(output);
  TEMPER_CHECK(node != nullptr && gives_probabilities(*node), ErrorCode::kInvalidArgument,
               "--strip-activation: output '", output, "' is made by ",
               node == nullptr ? "nothing" : node->label(),
               ", not by a Softmax, LogSoftmax or Sigmoid");
  wire::NodeProto& activation = edit.node_of(*node);
  const std::string logits = activation.input(0);
  const FlatNode* maker = index.maker(logits);
  if (maker == nullptr || maker->inlined || edit.is_output(logits) || edit.reads_of(logits) > 1 ||
      edit.reads_of(output) > 1) {
    activation.set_op_type("Identity");
    activation.clear_attribute();
  } else {
    edit.remove_node(activation);
    edit.forget_shape(logits);
    for (auto& name : *edit.node_of(*maker).mutable_output()) {
      name = name == logits ? output : name;
    }
  }
  edit.note(
      concat("--strip-activation: output '", output, "' is what ", node->label(), " was given"));
}

}  // namespace temper::graph
