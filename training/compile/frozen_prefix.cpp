#include "training/compile/frozen_prefix.h"

#include <algorithm>
#include <set>

#include "graph/ir/op_def.h"
#include "graph/ir/walk.h"
#include "graph/passes/batch_axes.h"
#include "graph/passes/expand_ops.h"
#include "runtime/base/error.h"
#include "training/compile/training_graph.h"

namespace temper::training {
namespace {

using graph::Graph;
using graph::Node;
using graph::NodeId;
using graph::Value;
using graph::ValueId;
using graph::ValueKind;

constexpr std::int64_t kProbeBatch = 2;  // samples, to see where they lie
constexpr std::size_t kMostNamed = 5;

class Splitter {
 public:
  Splitter(const Graph& imported, const ModelSettings& settings, const Backend& reference)
      : imported_(imported), graph_(imported), settings_(settings), reference_(reference) {
    choose_trainable(graph_, settings.trainable, settings.freeze);
    mark();
  }

  FrozenPrefix split() {
    std::vector<FrozenPrefix::Feature> features;
    std::vector<ValueId> cut;
    for (bool settled = false; !settled;) {
      cut = last_values();
      settled = settle(cut, features);
    }
    const bool computes = std::any_of(cut.begin(), cut.end(), [&](ValueId id) {
      return graph_.value(id).kind == ValueKind::kNode;
    });
    TEMPER_CHECK(computes, ErrorCode::kInvalidArgument,
                 "train.cache_features = true, but nothing that the model computes comes before "
                 "what trains: freeze its first layers (model.freeze), or leave it out");
    Graph prefix = ended_at(cut);
    check_constant(prefix);
    Graph rest = begun_at(cut, features);
    return {std::move(prefix), std::move(rest), std::move(features)};
  }

 private:
  static std::size_t at(ValueId id) { return static_cast<std::size_t>(id.index); }

  void mark() {
    const auto count = static_cast<std::size_t>(graph_.value_count());
    of_input_.resize(count, false);
    learns_.resize(count, false);
    for (std::size_t i = 0; i < count; ++i) {
      const Value& value = graph_.value(ValueId{static_cast<int>(i)});
      of_input_[i] = value.kind == ValueKind::kInput;
      learns_[i] = value.kind == ValueKind::kVariable && graph_.variable(value.variable).trainable;
    }
    for (const NodeId id : graph::topological_order(graph_)) {
      const Node& node = graph_.node(id);
      const auto any = [&](const std::vector<bool>& marks) {
        return std::any_of(node.inputs.begin(), node.inputs.end(),
                           [&](ValueId input) { return input.valid() && marks[at(input)]; });
      };
      const bool of_input = any(of_input_), learns = any(learns_);
      for (const ValueId output : node.outputs) {
        if (output.valid()) {
          of_input_[at(output)] = of_input;
          learns_[at(output)] = learns;
        }
      }
    }
  }

  // Those behind which something learns, or the model ends, in the order of their ids.
  std::vector<ValueId> last_values() const {
    std::vector<bool> seen(learns_.size(), false);
    std::vector<ValueId> open;
    for (const Graph::Output& output : graph_.outputs) {
      open.push_back(output.value);
    }
    std::set<ValueId> found;
    while (!open.empty()) {
      const ValueId id = open.back();
      open.pop_back();
      const Value& value = graph_.value(id);
      if (seen[at(id)] || value.kind == ValueKind::kVariable ||
          value.kind == ValueKind::kConstant) {
        continue;
      }
      seen[at(id)] = true;
      if (value.kind == ValueKind::kInput ||
          (of_input_[at(id)] && !learns_[at(id)] && !passed_.contains(id))) {
        found.insert(id);
        continue;
      }
      for (const ValueId input : graph_.node(value.producer).inputs) {
        if (input.valid()) {
          open.push_back(input);
        }
      }
    }
    return {found.begin(), found.end()};
  }

  // Fills in `features` of these values; where the samples of some lie elsewhere (sizes, masks that
  // all share), those are computed with what learns, and the result is false.
  bool settle(const std::vector<ValueId>& cut, std::vector<FrozenPrefix::Feature>& features) {
    Graph bound = ended_at(cut);
    bind_batch(bound, {}, kProbeBatch, reference_, settings_);
    graph::expand_foreign_ops(bound);
    const graph::BatchFlow flow = graph::follow_batch(bound, kProbeBatch);
    features.clear();
    bool settled = true;
    for (std::size_t i = 0; i < cut.size(); ++i) {
      const Value& value = bound.value(bound.outputs[i].value);
      const bool first = flow.outputs[i] == graph::BatchAxis(0) && value.shape.rank() > 0 &&
                         value.shape[0] == kProbeBatch;
      if (!first) {
        TEMPER_CHECK(graph_.value(cut[i]).kind == ValueKind::kNode, ErrorCode::kUnsupported,
                     "train.cache_features = true, but input '", graph_.value(cut[i]).name,
                     "' does not have the samples first");
        passed_.insert(cut[i]);
        settled = false;
        continue;
      }
      const std::string& name = graph_.value(cut[i]).name;
      Shape row;
      for (int axis = 1; axis < value.shape.rank(); ++axis) {
        row.push_back(value.shape[axis]);
      }
      features.push_back({name.empty() ? concat("feature ", i) : name, value.dtype, row});
    }
    return settled;
  }

  // The model's inputs are what they are, and the outputs these values.
  Graph ended_at(const std::vector<ValueId>& cut) const {
    Graph graph = imported_;
    graph.outputs.clear();
    for (const ValueId id : cut) {
      graph.add_output(graph.value(id).name, id);
    }
    remove_unneeded(graph);
    return graph;
  }

  Graph begun_at(const std::vector<ValueId>& cut,
                 const std::vector<FrozenPrefix::Feature>& features) const {
    Graph graph = imported_;
    const graph::Dim samples = graph.value(graph.inputs.front()).dims.front();
    graph.inputs.clear();
    for (std::size_t i = 0; i < cut.size(); ++i) {
      std::vector<graph::Dim> dims = {samples};
      for (int axis = 0; axis < features[i].row_shape.rank(); ++axis) {
        dims.push_back({features[i].row_shape[axis], ""});
      }
      graph.value(cut[i]).name.clear();
      const ValueId input = graph.add_input(features[i].name, features[i].dtype, std::move(dims));
      graph.replace_uses(cut[i], input);
    }
    remove_unneeded(graph);
    return graph;
  }

  static void remove_unneeded(Graph& graph) {
    const std::vector<bool> live = graph::live_nodes(graph);
    for (int i = 0; i < graph.node_count(); ++i) {
      if (!live[static_cast<std::size_t>(i)]) {
        graph.remove_node(NodeId{i});
      }
    }
  }

  void check_constant(const Graph& prefix) const {
    std::vector<std::string> changing;
    bool norms = true;
    for (int i = 0; i < prefix.node_count(); ++i) {
      const Node& node = prefix.node(NodeId{i});
      const std::vector<graph::PlaceOfInput>& places = node.op->places;
      const bool norm = std::any_of(places.begin(), places.end(), [](const auto& of) {
        return of.place == graph::Place::kStatistic;
      });
      const bool trained =
          node.op->training_function != nullptr && !(norm && settings_.freezes_batchnorm());
      if (!node.removed && (trained || node.op->is_stateful)) {
        norms = norms && norm;
        changing.push_back(node.origin);
      }
    }
    const std::size_t more = changing.size() - std::min(changing.size(), kMostNamed);
    const std::size_t count = changing.size();
    changing.resize(count - more);
    TEMPER_CHECK(count == 0, ErrorCode::kInvalidArgument,
                 "train.cache_features = true, but what is frozen does not give the same in every "
                 "epoch: ",
                 join(changing, ", "), more > 0 ? concat(" and ", more, " more") : "",
                 norms ? " keep statistics of the batches; write model.batchnorm = \"frozen\""
                       : " change with every batch; leave it out");
  }

  const Graph& imported_;
  Graph graph_;
  const ModelSettings& settings_;
  const Backend& reference_;
  std::vector<bool> of_input_, learns_;  // by value: what it depends on
  std::set<ValueId> passed_;
};

}  // namespace

FrozenPrefix split_frozen_prefix(const Graph& imported, const ModelSettings& settings,
                                 const Backend& reference) {
  return Splitter(imported, settings, reference).split();
}

}  // namespace temper::training
