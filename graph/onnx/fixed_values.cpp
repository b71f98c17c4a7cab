#include "graph/onnx/fixed_values.h"

#include <algorithm>

#include "graph/onnx/places.h"

namespace temper::graph {
namespace {

class Finder {
 public:
  explicit Finder(const FlatGraph& graph) : graph_(graph) {}

  FixedValues run() {
    made_.flows.resize(graph_.nodes.size());
    for (const auto& [name, tensor] : graph_.initializers) {
      made_.stored.insert(name);
      moved_.insert(name);
    }
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      const FlatNode& node = graph_.nodes[i];
      const FixedValues::Flow flow = flow_of(node);
      made_.flows[i] = flow;
      if (flow != FixedValues::Flow::kNone) {
        made_.stored.insert(node.outputs.begin(), node.outputs.end());
      } else if (is_fixed(node)) {
        fixed_.insert(node.outputs.begin(), node.outputs.end());
      }
      if (flow != FixedValues::Flow::kNone && keeps_exponential(node)) {
        made_.exponentials.insert(node.outputs.begin(), node.outputs.end());
      }
      if (flow == FixedValues::Flow::kComputes && is_sum_of_stored(node)) {
        sums_.insert(node.outputs.begin(), node.outputs.end());
      }
      if (flow == FixedValues::Flow::kMoves) {
        moved_.insert(node.outputs.begin(), node.outputs.end());
      }
      if (facts_of(node).movement == Movement::kRound || is_moved_of_rounded(node)) {
        rounded_.insert(node.outputs.begin(), node.outputs.end());
      }
      if (flow != FixedValues::Flow::kNone && is_of_frozen_norm(node)) {
        made_.frozen_norms.insert(node.outputs.begin(), node.outputs.end());
      }
    }
    return std::move(made_);
  }

 private:
  bool knows(const std::string& name) const {
    return made_.stored.contains(name) || fixed_.contains(name);
  }

  // Shapes and the like may depend on the model's inputs: a table of positions that is resized.
  bool is_fixed(const FlatNode& node) const {
    const OpDef& op = facts_of(node);
    if (node.inputs.empty() || !node.bodies.empty() || op.name().empty() || op.is_stateful) {
      return false;
    }
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const bool absorbed = std::find(op.absorbed_inputs.begin(), op.absorbed_inputs.end(),
                                      static_cast<int>(i)) != op.absorbed_inputs.end();
      if (!absorbed && !node.inputs[i].empty() && !knows(node.inputs[i])) {
        return false;
      }
    }
    return true;
  }

  FixedValues::Flow flow_of(const FlatNode& node) const {
    using Flow = FixedValues::Flow;
    if (node.op == "Constant" && node.domain.empty()) {
      return Flow::kMoves;
    }
    const std::size_t moved = static_cast<std::size_t>(moved_inputs(node));
    const bool stored =
        std::any_of(node.inputs.begin(), node.inputs.end(),
                    [&](const std::string& input) { return made_.stored.contains(input); });
    if (!stored || moved > node.inputs.size()) {
      return Flow::kNone;
    }
    if (moved > 0 && !is_stored_rounded(node)) {
      // Of what is joined, a part may be computed, such as places to write at.
      const bool joins = facts_of(node).movement == Movement::kJoin;
      const bool all =
          std::all_of(node.inputs.begin(), node.inputs.begin() + static_cast<std::ptrdiff_t>(moved),
                      [&](const std::string& input) {
                        return made_.stored.contains(input) || (joins && fixed_.contains(input));
                      });
      return all ? Flow::kMoves : Flow::kNone;
    }
    return is_fixed(node) && facts_of(node).is_differentiable() ? Flow::kComputes : Flow::kNone;
  }

  bool is_moved_of_rounded(const FlatNode& node) const {
    return facts_of(node).keeps_elements() && !node.inputs.empty() &&
           rounded_.contains(node.inputs[0]);
  }

  // Integers of the file as floats: computed, as only their scales can be trained.
  bool is_stored_rounded(const FlatNode& node) const {
    return facts_of(node).movement == Movement::kUnround && !rounded_.contains(node.inputs[0]);
  }

  bool keeps_exponential(const FlatNode& node) const {
    const Arithmetic arithmetic = facts_of(node).arithmetic;
    const bool bounds = arithmetic == Arithmetic::kClip || arithmetic == Arithmetic::kExtremum;
    return (arithmetic == Arithmetic::kPower && node.inputs.size() == 1) ||
           (!node.inputs.empty() && made_.exponentials.contains(node.inputs[0]) &&
            (bounds || moved_inputs(node) == 1));
  }

  // A variance and its epsilon.
  bool is_sum_of_stored(const FlatNode& node) const {
    return facts_of(node).arithmetic == Arithmetic::kAdd &&
           std::all_of(node.inputs.begin(), node.inputs.end(),
                       [&](const std::string& input) { return moved_.contains(input); });
  }

  bool is_of_frozen_norm(const FlatNode& node) const {
    const Arithmetic arithmetic = facts_of(node).arithmetic;
    const bool root = arithmetic == Arithmetic::kRoot ||
                      (arithmetic == Arithmetic::kPower && node.inputs.size() == 2);
    return (root && sums_.contains(node.inputs[0])) ||
           std::any_of(node.inputs.begin(), node.inputs.end(), [&](const std::string& input) {
             return made_.frozen_norms.contains(input);
           });
  }

  const FlatGraph& graph_;
  FixedValues made_;
  std::unordered_set<std::string> fixed_;    // computed without a gradient: shapes, indices
  std::unordered_set<std::string> moved_;    // elements of stored tensors
  std::unordered_set<std::string> sums_;     // of two such
  std::unordered_set<std::string> rounded_;  // integers that floats were rounded to
};

}  // namespace

FixedValues find_fixed_values(const FlatGraph& graph) { return Finder(graph).run(); }

}  // namespace temper::graph
