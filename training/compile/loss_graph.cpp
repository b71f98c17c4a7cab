#include "training/compile/loss_graph.h"

#include <algorithm>

#include "graph/ir/builder.h"
#include "runtime/base/error.h"
#include "training/losses/loss.h"

namespace temper::training {

using graph::Builder;
using graph::Graph;
using graph::ValueId;

namespace {

std::vector<ValueId> chosen_outputs(const Loss& loss, const LossTermSettings& term,
                                    const std::vector<Graph::Output>& outputs) {
  std::vector<std::string> names;
  for (const Graph::Output& output : outputs) {
    names.push_back(output.name);
  }
  std::vector<std::string> wanted = term.outputs;
  const auto count = static_cast<std::size_t>(loss.outputs);
  TEMPER_CHECK(wanted.empty() ? names.size() >= count : wanted.size() == count,
               ErrorCode::kInvalidArgument, loss.name, " takes ", count, " outputs; ",
               wanted.empty() ? "the model has " : "loss.output names ",
               join(wanted.empty() ? names : wanted, ", "));
  if (wanted.empty()) {
    wanted.assign(names.begin(), names.begin() + loss.outputs);
  }
  std::vector<ValueId> chosen;
  for (const std::string& name : wanted) {
    const auto found = std::find(names.begin(), names.end(), name);
    TEMPER_CHECK(found != names.end(), ErrorCode::kInvalidArgument, "the model has no output '",
                 name, "' (it has ", join(names, ", "), ")");
    chosen.push_back(outputs[static_cast<std::size_t>(found - names.begin())].value);
  }
  return chosen;
}

}  // namespace

ValueId add_loss(Graph& graph, const CompileSettings& settings,
                 const std::vector<Graph::Output>& outputs) {
  const LossTermSettings& term = settings.loss;
  const Loss& loss = find_loss(term.loss.name);
  Builder builder(graph, concat("loss ", loss.name));
  LossInputs in{builder, chosen_outputs(loss, term, outputs), {}, term.loss.parameters, {}};
  if (loss.target != TargetKind::kNone) {
    const TargetSpec spec = target_spec(loss, builder.dtype(in.output()),
                                        builder.shape(in.output()), term.class_target);
    in.target = graph.add_input(kTargetInput, spec.dtype, spec.shape);
  }
  ValueId made = loss.build(in);
  TEMPER_ASSERT(builder.shape(made).element_count() == 1);
  made = builder.reshape(made, {});
  graph.value(made).name = "loss";
  return made;
}

}  // namespace temper::training
