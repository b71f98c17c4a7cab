#include "graph/onnx/surgery/classifier.h"

#include <algorithm>
#include <optional>

#include <onnx.pb.h>

#include "graph/onnx/places.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

bool is_pooling(const FlatNode& node) {
  return node.op == "GlobalAveragePool" || node.op == "GlobalMaxPool" || node.op == "AveragePool" ||
         node.op == "MaxPool";
}

// Whether each of its outputs is about the same class as what it is made from.
bool keeps_classes(const FlatNode& node) {
  const OpDef& facts = facts_of(node);
  return facts.activation != Activation::kNone || facts.keeps_elements() ||
         facts.movement == Movement::kDrop || facts.arithmetic == Arithmetic::kMean ||
         is_pooling(node);
}

std::int64_t groups_of(const FlatNode& node) {
  const wire::AttributeProto* group = node.find("group");
  return group == nullptr ? 1 : group->i();
}

}  // namespace

std::string output_name(ModelEdit& edit, const std::string& wanted) {
  const auto& outputs = edit.graph().output();
  const auto found = wanted.empty()
                         ? outputs.begin()
                         : std::find_if(outputs.begin(), outputs.end(),
                                        [&](const auto& one) { return one.name() == wanted; });
  TEMPER_CHECK(found != outputs.end(), ErrorCode::kInvalidArgument, "the model has no output '",
               wanted, "'");
  return found->name();
}

Classifier find_classifier(ModelEdit& edit, const FlatIndex& index, const std::string& output,
                           const std::string& option) {
  Classifier found;
  std::string value = output;
  while (true) {
    found.values.push_back(value);
    const FlatNode* node = index.maker(value);
    TEMPER_CHECK(node != nullptr, ErrorCode::kUnsupported, option,
                 " found no linear layer behind output '", output, "': it comes straight from '",
                 value, "'");
    if (const auto layer = linear_layer(edit, index, *node)) {
      found.layer = *layer;
      break;
    }
    std::size_t next = 0;
    bool passes = keeps_classes(*node);
    if (facts_of(*node).arithmetic == Arithmetic::kAdd && node->inputs.size() == 2) {
      next = edit.find_tensor(node->inputs[0]) != nullptr ? 1 : 0;
      const FlatNode* before = index.maker(node->inputs[next]);
      const auto layer =
          before == nullptr ? std::optional<LinearLayer>{} : linear_layer(edit, index, *before);
      passes = layer && layer->bias_add == node;
    }
    TEMPER_CHECK(passes, ErrorCode::kUnsupported, option, " goes back from output '", output,
                 "' to the last linear layer, but ", node->label(),
                 " stands in between; name another output with --head-output");
    found.passed.push_back(node);
    value = node->inputs[next];
  }
  const FlatNode& node = *found.layer.node;
  TEMPER_CHECK(found.layer.output_axis == 0 || found.layer.kind == Linear::kMatrix,
               ErrorCode::kUnsupported, node.label(), " is no layer whose outputs are classes");
  TEMPER_CHECK(groups_of(node) == 1, ErrorCode::kUnsupported, node.label(),
               " works in groups; a head of such a layer cannot be replaced");
  return found;
}

}  // namespace temper::graph
