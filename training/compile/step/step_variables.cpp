#include "training/compile/step/step_variables.h"

#include "runtime/base/concat.h"
#include "runtime/base/dtype_visit.h"
#include "training/compile/training_graph.h"

namespace temper::training {

using graph::ScalarRole;

graph::VariableId add_scalar_variable(graph::Graph& graph, ScalarRole role, DType dtype,
                                      const Shape& shape, double initial, int slot, int model,
                                      const std::string& prefix) {
  graph::Variable variable;
  variable.name = concat(prefix, "step.", to_string(role));
  variable.identity = graph::VariableIdentity::of_scalar(role, model, slot);
  variable.dtype = dtype;
  variable.shape = shape;
  variable.initial = Tensor(dtype, shape);
  for (std::int64_t i = 0; initial != 0 && i < shape.element_count(); ++i) {
    visit_any(dtype, [&]<class T>() {
      variable.initial.span<T>()[static_cast<std::size_t>(i)] = convert_element<T>(initial);
    });
  }
  return graph.add_variable(std::move(variable));
}

StepVariables add_step_variables(graph::Graph& graph, std::int64_t groups, int model,
                                 const std::string& prefix) {
  const auto add = [&](ScalarRole role, DType dtype, const Shape& shape) {
    return add_scalar_variable(graph, role, dtype, shape, 0, 0, model, prefix);
  };
  StepVariables made;
  made.rates = add(ScalarRole::kRates, DType::kFloat64, {2 * groups, kRateSlots});
  made.applied = add(ScalarRole::kApplied, DType::kInt64, {});
  made.attempted = add(ScalarRole::kAttempted, DType::kInt64, {});
  made.position = add(ScalarRole::kPosition, DType::kInt64, {});
  return made;
}

void count(graph::Builder& builder, graph::VariableId counter, graph::ValueId by,
           graph::UpdateBinding::Kind kind) {
  builder.set_origin("count");
  graph::Graph& graph = builder.graph();
  graph.add_update({counter, builder.add(graph.read_variable(counter), by), kind});
}

}  // namespace temper::training
