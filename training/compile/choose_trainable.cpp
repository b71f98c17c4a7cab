// Which parameters train: the importer's decision, then the recipe's patterns.
#include "runtime/base/error.h"
#include "training/compile/training_graph.h"
#include "training/settings/name_pattern.h"

namespace temper::training {

void choose_trainable(graph::Graph& graph, const std::vector<std::string>& trainable,
                      const std::vector<std::string>& freeze) {
  std::vector<std::string> names;
  std::vector<graph::VariableId> ids;
  for (int i = 0; i < graph.variable_count(); ++i) {
    const graph::VariableId id{i};
    if (graph.variable(id).is(graph::VariableKind::kParameter)) {
      ids.push_back(id);
      names.push_back(graph.variable(id).name);
    }
  }
  const std::vector<bool> chosen = match_names(trainable, names, "model.trainable");
  const std::vector<bool> frozen = match_names(freeze, names, "model.freeze");
  bool any = false;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    graph::Variable& variable = graph.variable(ids[i]);
    if (!trainable.empty()) {
      variable.trainable = chosen[i];
      variable.why = chosen[i] ? "chosen by model.trainable" : "not in model.trainable";
    }
    if (frozen[i]) {
      variable.trainable = false;
      variable.why = "frozen by model.freeze";
    }
    any = any || variable.trainable;
  }
  TEMPER_CHECK(
      !ids.empty(), ErrorCode::kInvalidArgument,
      "nothing can train: the model's file holds no float tensors but single numbers (what "
      "its nodes make for themselves is no weight; temper inspect lists them)");
  TEMPER_CHECK(any, ErrorCode::kInvalidArgument, "nothing is left to train: all ", ids.size(),
               " float tensors are frozen or not weights (temper inspect shows why)");
}

}  // namespace temper::training
