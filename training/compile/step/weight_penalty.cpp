#include "training/compile/step/weight_penalty.h"

#include <numeric>

#include "graph/ir/builder.h"
#include "runtime/base/error.h"
#include "training/settings/name_pattern.h"

namespace temper::training {

using graph::Builder;
using graph::Graph;
using graph::ValueId;
using graph::VariableId;

namespace {

// What counts: trained, and named by a pattern or, without patterns, of two or more dimensions, so
// that biases and the factors of normalisations are left out.
std::vector<VariableId> penalised(const Graph& graph, const CompileSettings& settings) {
  Graph marked = graph;  // a graph of gradients alone has the importer's marks still
  choose_trainable(marked, settings.model.trainable, settings.model.freeze);
  std::vector<VariableId> trained;
  std::vector<std::string> names;
  for (int i = 0; i < marked.variable_count(); ++i) {
    const graph::Variable& variable = marked.variable(VariableId{i});
    if (variable.is(graph::VariableKind::kParameter) && variable.trainable) {
      trained.push_back(VariableId{i});
      names.push_back(variable.name);
    }
  }
  const std::vector<std::string>& patterns = settings.penalty.match;
  const std::vector<bool> named = match_names(patterns, names, "loss.penalize");
  std::vector<VariableId> chosen;
  for (std::size_t i = 0; i < trained.size(); ++i) {
    if (patterns.empty() ? marked.variable(trained[i]).shape.rank() >= 2 : named[i]) {
      chosen.push_back(trained[i]);
    }
  }
  TEMPER_CHECK(!chosen.empty(), ErrorCode::kInvalidArgument,
               "loss.l1 and loss.l2 find no weight to penalise: no trained tensor has two or more "
               "dimensions; name tensors with loss.penalize = [\"...\"]");
  return chosen;
}

}  // namespace

std::vector<std::pair<std::string, ValueId>> add_penalties(Graph& graph,
                                                           const CompileSettings& settings) {
  Builder b(graph, "penalty");
  const std::vector<VariableId> chosen = penalised(graph, settings);
  std::vector<std::pair<std::string, ValueId>> made;
  const auto add = [&](const char* label, double factor, auto&& element) {
    if (factor == 0) {
      return;
    }
    ValueId sum;
    for (const VariableId id : chosen) {
      const ValueId weight = graph.read_variable(id);
      std::vector<std::int64_t> axes(static_cast<std::size_t>(b.shape(weight).rank()));
      std::iota(axes.begin(), axes.end(), std::int64_t{0});
      const ValueId elements = element(weight);
      const ValueId one = axes.empty() ? elements : b.reduce_sum(elements, axes, false);
      sum = sum.valid() ? b.add(sum, b.cast(one, b.dtype(sum))) : one;
    }
    made.emplace_back(label, b.scale(sum, factor));
  };
  add("l1", settings.penalty.l1, [&](ValueId w) { return b.op("Abs", {w}); });
  add("l2", settings.penalty.l2, [&](ValueId w) { return b.mul(w, w); });
  return made;
}

}  // namespace temper::training
