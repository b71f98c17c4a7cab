#include "graph/passes/fold_settled_norms.h"

#include <algorithm>

#include "graph/ir/builder.h"
#include "graph/ir/op_def.h"
#include "graph/ir/walk.h"
#include "graph/passes/results.h"
#include "graph/passes/settled_values.h"
#include "runtime/base/rectifier.h"

namespace temper::graph {
namespace {

enum NormInput : std::size_t { kX, kScale, kShift, kMean, kVariance };

class NormFolding {
 public:
  explicit NormFolding(Graph& graph)
      : graph_(graph), users_(users(graph)), settled_(settled_values(graph)) {}

  void try_fold(NodeId id) {
    const Node& norm = graph_.node(id);
    if (!is_norm(norm) || !all_settled(norm, kScale)) {
      return;
    }
    const Value& x = graph_.value(norm.inputs[kX]);
    if (x.kind != ValueKind::kNode || x.output_index != 0 || !read_once(norm.inputs[kX]) ||
        !is_plain_convolution(graph_.node(x.producer)) ||
        !all_settled(graph_.node(x.producer), 1)) {
      return;
    }
    fold(x.producer, id);
  }

 private:
  static bool is_norm(const Node& node) {
    return std::any_of(node.op->places.begin(), node.op->places.end(),
                       [](const PlaceOfInput& of) { return of.place == Place::kStatistic; }) &&
           node.attrs.get_int("training_mode", 0) == 0 && node.outputs.size() == 1;
  }

  // Those that plans compute by other ops, transposed ones, are gone by now.
  static bool is_plain_convolution(const Node& node) {
    return node.op->linear == Linear::kConvolution && !node.op->is_expanded &&
           !rectifier_of(node.attrs).on;
  }

  bool all_settled(const Node& node, std::size_t first) const {
    return std::all_of(node.inputs.begin() + static_cast<std::ptrdiff_t>(first), node.inputs.end(),
                       [&](ValueId input) {
                         return !input.valid() || settled_[static_cast<std::size_t>(input.index)];
                       });
  }

  bool read_once(ValueId id) const {
    return users_[static_cast<std::size_t>(id.index)].size() == 1 && !is_result(graph_, id);
  }

  // What a Cast to 16 bits was made of, or the value itself in the type of the arithmetic.
  ValueId wide(Builder& b, ValueId id, DType type) const {
    const Value& value = graph_.value(id);
    if (value.kind == ValueKind::kNode &&
        graph_.node(value.producer).op->movement == Movement::kConvert) {
      const ValueId source = graph_.node(value.producer).inputs.front();
      if (graph_.value(source).dtype == type) {
        return source;
      }
    }
    return b.cast(id, type);
  }

  void fold(NodeId conv_id, NodeId norm_id) {
    const Node conv = graph_.node(conv_id), norm = graph_.node(norm_id);  // copies: nodes move
    Builder b(graph_, concat(conv.origin, " + ", norm.origin));
    const DType type = b.dtype(norm.inputs[kScale]);
    const DType given = b.dtype(conv.inputs[1]);
    const auto per_channel = [&](NormInput i) { return wide(b, norm.inputs[i], type); };
    const ValueId epsilon = b.scalar(type, norm.attrs.get_double("epsilon", 1e-5));
    const ValueId deviation = b.op("Sqrt", {b.add(per_channel(kVariance), epsilon)});
    const ValueId factor = b.div(per_channel(kScale), deviation);
    Shape channel = b.shape(conv.inputs[1]);
    for (int axis = 1; axis < channel.rank(); ++axis) {
      channel[axis] = 1;
    }
    const ValueId weight = b.mul(wide(b, conv.inputs[1], type), b.reshape(factor, channel));
    const bool has_bias = conv.inputs.size() > 2 && conv.inputs[2].valid();
    const ValueId centre = has_bias ? b.sub(wide(b, conv.inputs[2], type), per_channel(kMean))
                                    : b.neg(per_channel(kMean));
    const ValueId bias = b.add(b.mul(centre, factor), per_channel(kShift));
    const std::vector<ValueId> inputs{conv.inputs[0], b.cast(weight, given), b.cast(bias, given)};
    Node& folded = graph_.node(conv_id);
    folded.inputs = inputs;
    folded.origin = b.origin();
    const ValueId inner = conv.outputs.front(), outer = norm.outputs.front();
    graph_.value(inner).name.swap(graph_.value(outer).name);
    graph_.remove_node(norm_id);
    graph_.replace_uses(outer, inner);
  }

  Graph& graph_;
  std::vector<std::vector<NodeId>> users_;  // of the values before any was folded; so below
  std::vector<bool> settled_;
};

}  // namespace

void fold_settled_norms(Graph& graph) {
  const std::vector<NodeId> order = topological_order(graph);
  NormFolding folding(graph);
  for (const NodeId id : order) {
    folding.try_fold(id);
  }
}

}  // namespace temper::graph
