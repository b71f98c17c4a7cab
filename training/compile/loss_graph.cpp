#include "training/compile/loss_graph.h"

#include <algorithm>

#include "graph/ir/builder.h"
#include "runtime/base/error.h"
#include "training/losses/loss.h"

namespace temper::training {

using graph::Builder;
using graph::Graph;
using graph::ValueId;

ValueId add_loss(Graph& graph, const CompileSettings& settings,
                 const std::vector<Graph::Output>& outputs) {
  const std::string& wanted = settings.loss.output;
  const auto found = std::find_if(outputs.begin(), outputs.end(), [&](const auto& output) {
    return wanted.empty() || output.name == wanted;
  });
  TEMPER_CHECK(found != outputs.end(), ErrorCode::kInvalidArgument, "the model has no output '",
               wanted, "'");
  const Loss& loss = find_loss(settings.loss.loss.name);
  Builder builder(graph, concat("loss ", loss.name));
  const TargetSpec spec =
      target_spec(loss, builder.dtype(found->value), builder.shape(found->value));
  const ValueId target = graph.add_input(kTargetInput, spec.dtype, spec.shape);
  ValueId made = loss.build(builder, found->value, target, settings.loss.loss.parameters);
  TEMPER_ASSERT(builder.shape(made).element_count() == 1);
  made = builder.reshape(made, {});
  graph.value(made).name = "loss";
  return made;
}

}  // namespace temper::training
