#include "graph/passes/training_mode.h"

#include <map>

#include "graph/ir/builder.h"
#include "graph/ir/op_registry.h"
#include "graph/ir/walk.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

class TrainingMode {
 public:
  TrainingMode(Graph& graph, const TrainingModeOptions& options)
      : graph_(graph), options_(options) {}

  void run() {
    std::int64_t dropouts = 0;
    for (const NodeId id : topological_order(graph_)) {
      const std::string& op = graph_.node(id).op->name();
      if (op == "BatchNormalization" && !options_.frozen_batchnorm) {
        train_batchnorm(id);
      } else if (op == "BatchNormalization") {
        freeze_batchnorm(id);
      } else if (op == "Dropout") {
        train_dropout(id, dropouts++);
      }
    }
    for (const auto& [variable, value] : statistics_) {
      graph_.add_update({variable, value, UpdateBinding::Kind::kApply});
    }
  }

 private:
  // The statistic a node reads: a variable, or what an earlier use of it left behind.
  ValueId current(ValueId statistic) {
    const Value& value = graph_.value(statistic);
    if (value.kind != ValueKind::kVariable) {
      return statistic;
    }
    const auto it = statistics_.find(value.variable);
    return it == statistics_.end() ? statistic : it->second;
  }

  void train_batchnorm(NodeId id) {
    const Node node = graph_.node(id);
    const Shape x = graph_.value(node.inputs[0]).shape;
    const std::int64_t channels = x.rank() > 1 ? x[1] : 1;
    TEMPER_CHECK(
        channels == 0 || x.element_count() / channels != 1, ErrorCode::kInvalidArgument,
        node.origin, " would see one value per channel (input ", x,
        "): batch statistics need more; use a larger data.batch_size or data.drop_last = true");
    const bool onnx_form = node.attrs.get_int("training_mode", 0) != 0;
    Builder builder(graph_, node.origin);
    const std::vector<ValueId> made =
        builder.ops("BatchNormTrain",
                    {node.inputs[0], node.inputs[1], node.inputs[2], current(node.inputs[3]),
                     current(node.inputs[4])},
                    5,
                    {{"epsilon", node.attrs.get_double("epsilon", 1e-5)},
                     {"momentum", node.attrs.get_double("momentum", 0.9)},
                     {"unbiased", std::int64_t{onnx_form ? 0 : 1}},
                     {"relu", std::int64_t{0}}});
    for (std::size_t i = 0; i < 2; ++i) {
      const Value& statistic = graph_.value(node.inputs[3 + i]);
      // A tensor that is also a weight elsewhere (merged by the exporter) does not move.
      if (statistic.kind == ValueKind::kVariable &&
          graph_.variable(statistic.variable).is(VariableKind::kStatistic)) {
        statistics_[statistic.variable] = made[1 + i];
      }
    }
    graph_.value(made[0]).name = graph_.value(node.outputs[0]).name;
    graph_.value(node.outputs[0]).name.clear();
    graph_.remove_node(id);
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i].valid()) {
        graph_.replace_uses(node.outputs[i], made[i]);
      }
    }
  }

  // Exported in training form or not: the running statistics, left as they are.
  // Those are also what its other outputs then are: the new ones are the old ones, and they are
  // what x was normalised by.
  void freeze_batchnorm(NodeId id) {
    const Node node = graph_.node(id);
    for (std::size_t i = 1; i < node.outputs.size(); ++i) {
      if (node.outputs[i].valid()) {
        graph_.replace_uses(node.outputs[i], node.inputs[i % 2 == 1 ? 3 : 4]);
      }
    }
    graph_.node(id).attrs.set("training_mode", std::int64_t{0});
    graph_.node(id).outputs.resize(1);
  }

  void train_dropout(NodeId id, std::int64_t random_id) {
    const Node node = graph_.node(id);
    const double ratio = node.attrs.get_double("ratio", 0.5);
    if ((!options_.dropout || ratio == 0) && node.outputs.size() > 1) {
      // Its mask is asked for: all true.
      graph_.node(id).attrs.set("training_mode", std::int64_t{0});
      return;
    }
    if (!options_.dropout || ratio == 0) {
      graph_.remove_node(id);
      graph_.replace_uses(node.outputs[0], node.inputs[0]);
      return;
    }
    TEMPER_ASSERT(options_.position.valid());
    Builder builder(graph_, node.origin);
    const std::vector<ValueId> made =
        builder.ops("DropoutTrain", {node.inputs[0], graph_.read_variable(options_.position)}, 2,
                    {{"ratio", ratio},
                     {"seed", static_cast<std::int64_t>(options_.seed)},
                     {"random_id", random_id}});
    graph_.remove_node(id);
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i].valid()) {
        graph_.replace_uses(node.outputs[i], made[i]);
      }
    }
  }

  Graph& graph_;
  const TrainingModeOptions& options_;
  std::map<VariableId, ValueId> statistics_;
};

}  // namespace

void apply_training_mode(Graph& graph, const TrainingModeOptions& options) {
  TrainingMode(graph, options).run();
}

void apply_inference_mode(Graph& graph) {
  TrainingModeOptions identity;
  identity.dropout = false;
  identity.frozen_batchnorm = true;
  TrainingMode(graph, identity).run();
}

TrainingForm training_form(const Graph& imported) {
  TrainingForm form;
  for (int i = 0; i < imported.node_count(); ++i) {
    const Node& node = imported.node(NodeId{i});
    if (node.removed) {
      continue;
    }
    const std::string& op = node.op->name();
    if (op == "BatchNormalization") {
      form.batch_normalizations += node.attrs.get_int("training_mode", 0) != 0 ? 1 : 0;
    } else if (op == "Dropout" && node.inputs.size() > 2 && node.inputs[2].valid()) {
      const Value& mode = imported.value(node.inputs[2]);
      form.dropouts +=
          mode.kind == ValueKind::kConstant && mode.constant.values<double>() != std::vector{0.0}
              ? 1
              : 0;
    }
  }
  return form;
}

}  // namespace temper::graph
