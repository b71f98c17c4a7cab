#include "training/analysis/group_report.h"

#include <algorithm>
#include <map>
#include <set>

#include "graph/onnx/import.h"
#include "graph/ops/standard_ops.h"
#include "runtime/base/error.h"
#include "training/compile/step/parameter_groups.h"
#include "training/optimizers/optimizer.h"
#include "training/recipe/recipe_keys.h"

namespace temper::training {
namespace {

using graph::Graph;
using graph::Variable;
using graph::VariableId;

// "lr = 0.1, nesterov = true": those of `shown`.
std::string settings_text(const std::vector<ParameterSpec>& specs, const Attrs& parameters,
                          const std::set<std::string>& shown) {
  std::vector<std::string> parts;
  for (const ParameterSpec& spec : specs) {
    const AttrValue* value = parameters.find(spec.name);
    if (value != nullptr && shown.count(spec.name) > 0) {
      parts.push_back(concat(spec.name, " = ", parameter_text(*value, spec)));
    }
  }
  return join(parts, ", ");
}

}  // namespace

std::vector<TensorSettings> tensor_settings(const Recipe& recipe) {
  if (recipe.groups.empty()) {
    return {};
  }
  Graph graph = graph::OnnxModel::load(recipe.model.path, {recipe.model.external_data_root})
                    .build_graph(graph::standard_ops());
  choose_trainable(graph, recipe.model.trainable, recipe.model.freeze);
  CompileSettings settings;
  settings.optimizer = recipe.optimizer;
  settings.groups = merged_groups(graph, {recipe.groups.begin(), recipe.groups.end()});
  const std::vector<Attrs> parameters = group_parameters(settings);
  std::set<std::string> shown;
  std::map<std::string, std::size_t> group_of;  // 0: none
  for (std::size_t g = 0; g < settings.groups.size(); ++g) {
    for (const auto& [name, value] : settings.groups[g].parameters) {
      shown.insert(name);
    }
    for (const std::string& tensor : settings.groups[g].tensors) {
      group_of[tensor] = g + 1;
    }
  }
  const std::vector<ParameterSpec>& specs = find_optimizer(recipe.optimizer.name).parameters;
  std::vector<TensorSettings> all;
  for (int i = 0; i < graph.variable_count(); ++i) {
    const Variable& variable = graph.variable(VariableId{i});
    if (variable.is(graph::VariableKind::kParameter)) {
      const std::size_t group = group_of[variable.name];
      all.push_back({variable.name, settings_text(specs, parameters[group], shown),
                     group == 0 ? "" : settings.groups[group - 1].match, variable.trainable,
                     variable.why});
    }
  }
  return all;
}

std::string describe_groups(const std::vector<TensorSettings>& all) {
  std::string text = all.empty() ? "" : "# what the optimizer does with each tensor\n";
  for (const TensorSettings& tensor : all) {
    std::string line = concat(tensor.name, ": ", tensor.settings);
    line.resize(std::max<std::size_t>(line.size() + 2, 48), ' ');
    text += concat(line, "# ", tensor.groups.empty() ? "no group" : "group " + tensor.groups,
                   tensor.trained ? "" : concat("; not trained: ", tensor.why), "\n");
  }
  return text;
}

}  // namespace temper::training
