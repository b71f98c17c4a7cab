// Nodes that give what they read.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include <onnx.pb.h>

#include "graph/onnx/deploy/fold.h"
#include "graph/onnx/deploy/value_facts.h"
#include "graph/onnx/surgery/node_attributes.h"

namespace temper::graph {
namespace {

class CopyRemover {
 public:
  CopyRemover(ModelEdit& edit, const KnownValues& known) : edit_(edit), facts_(edit, known) {}

  int run() {
    std::vector<const wire::NodeProto*> copies;
    for (const auto& node : edit_.graph().node()) {
      if (normal_domain(node.domain()).empty() && node.input_size() > 0 && gives_input(node)) {
        copies.push_back(&node);
      }
    }
    int count = 0;
    for (const wire::NodeProto* node : copies) {
      count += leave_out_copy(edit_, *node) ? 1 : 0;
    }
    return count;
  }

 private:
  std::optional<std::vector<std::int64_t>> numbers(const wire::NodeProto& node, int input) {
    if (node.input_size() <= input || node.input(input).empty() ||
        edit_.find_tensor(node.input(input)) == nullptr ||
        !edit_.unreadable(node.input(input)).empty()) {
      return std::nullopt;
    }
    return edit_.integers(node.input(input));
  }

  // The first output is the first input, and others are not read.
  bool gives_input(const wire::NodeProto& node) {
    for (int i = 1; i < node.output_size(); ++i) {
      if (!node.output(i).empty() && edit_.reads_of(node.output(i)) > 0) {
        return false;
      }
    }
    const std::string& op = node.op_type();
    if (op == "Identity") {
      return true;
    }
    if (op == "Concat" || op == "Sum" || op == "Max" || op == "Min" || op == "Mean") {
      return node.input_size() == 1;
    }
    if (op == "Dropout") {
      const auto training = numbers(node, 2);
      return node.input_size() < 3 || node.input(2).empty() ||
             (training && training->size() == 1 && training->front() == 0);
    }
    if (op == "Cast" || op == "CastLike") {
      const std::int64_t to = op == "Cast"            ? int_attribute(node, "to", 0)
                              : node.input_size() > 1 ? facts_.type(node.input(1))
                                                      : 0;
      return to != 0 && facts_.type(node.input(0)) == to;
    }
    if (op == "Transpose") {
      const wire::AttributeProto* perm = find_attribute(node, "perm");
      bool same = perm != nullptr;
      for (int i = 0; same && i < perm->ints_size(); ++i) {
        same = perm->ints(i) == i;
      }
      return same;
    }
    return keeps_shape(node);
  }

  bool keeps_shape(const wire::NodeProto& node) {
    const std::string& op = node.op_type();
    if (op == "Pad") {
      const auto pads = numbers(node, 1);
      return pads && std::all_of(pads->begin(), pads->end(), [](auto one) { return one == 0; });
    }
    if (op == "Flatten") {
      return int_attribute(node, "axis", 1) == 1 && facts_.rank(node.input(0)) == 2;
    }
    if (op != "Reshape" && op != "Expand" && op != "Squeeze" && op != "Unsqueeze") {
      return false;
    }
    const auto from = facts_.shape(node.input(0)), to = facts_.shape(node.output(0));
    return (from && to && *from == *to) || (op == "Reshape" && names_same_sizes(node));
  }

  // All sizes but one are those that there are.
  bool names_same_sizes(const wire::NodeProto& node) {
    const auto dims = facts_.dims(node.input(0));
    const auto target = numbers(node, 1);
    if (!dims || !target || dims->size() != target->size()) {
      return false;
    }
    int open = 0;
    for (std::size_t i = 0; i < dims->size(); ++i) {
      const std::int64_t size = (*target)[i];
      const bool copied = size == 0 && int_attribute(node, "allowzero", 0) == 0;
      if (size == -1) {
        ++open;
      } else if (!copied && (*dims)[i] != size) {
        return false;
      }
    }
    return open <= 1;
  }

  ModelEdit& edit_;
  ValueFacts facts_;
};

bool is_given_by_node(ModelEdit& edit, const std::string& name) {
  return std::any_of(edit.graph().node().begin(), edit.graph().node().end(), [&](auto& node) {
    return node.input_size() > 0 &&
           std::find(node.output().begin(), node.output().end(), name) != node.output().end();
  });
}

}  // namespace

bool leave_out_copy(ModelEdit& edit, const wire::NodeProto& node) {
  const std::string from = node.input(0), to = node.output(0);
  if (!edit.is_output(to)) {
    edit.remove_node(node);
    edit.forget_shape(to);
    edit.rename(to, from);
    return true;
  }
  if (edit.is_output(from) || !is_given_by_node(edit, from)) {
    return false;
  }
  edit.remove_node(node);
  edit.forget_shape(from);
  edit.rename(from, to);
  return true;
}

int remove_copies(ModelEdit& edit, const KnownValues& known) {
  return CopyRemover(edit, known).run();
}

}  // namespace temper::graph
