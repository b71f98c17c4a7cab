#include "graph/onnx/deploy/strip_training.h"

#include <algorithm>

#include <onnx.pb.h>

#include "graph/onnx/surgery/inference.h"
#include "runtime/base/concat.h"

namespace temper::graph {
namespace {

// Of the main graph: in bodies it stays, and does nothing.
int remove_dropout(ModelEdit& edit) {
  std::vector<const wire::NodeProto*> found;
  for (const auto& node : edit.graph().node()) {
    const bool reads_mask = node.output_size() > 1 && edit.reads_of(node.output(1)) > 0;
    if (node.op_type() == "Dropout" && normal_domain(node.domain()).empty() && !reads_mask &&
        node.input_size() > 0) {
      found.push_back(&node);
    }
  }
  int removed = 0;
  for (const wire::NodeProto* node : found) {
    const std::string input = node->input(0), output = node->output(0);
    const std::set<std::string> others(node->input().begin() + 1, node->input().end());
    if (edit.is_output(output)) {
      // What gave its input gives the output, unless that is a port of the model itself.
      const auto& inputs = edit.graph().input();
      const bool is_input = std::any_of(inputs.begin(), inputs.end(),
                                        [&](const auto& one) { return one.name() == input; });
      if (is_input || edit.is_output(input) || edit.find_tensor(input) != nullptr) {
        continue;
      }
      edit.forget_shape(input);
      edit.remove_node(*node);
      edit.rename(input, output);
    } else {
      edit.remove_node(*node);
      edit.forget_shape(output);
      edit.rename(output, input);
    }
    edit.remove_unread(others);
    ++removed;
  }
  return removed;
}

}  // namespace

void strip_training(ModelEdit& edit) {
  bring_to_inference(edit);
  const int removed = remove_dropout(edit);
  const int steps = edit.proto().training_info_size();
  edit.proto().clear_training_info();
  if (removed > 0 || steps > 0) {
    edit.note(concat("--inference: ", removed, " Dropout and ", steps, " training steps are gone"));
  }
}

}  // namespace temper::graph
