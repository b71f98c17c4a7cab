#include "training/compile/step/step_variables.h"

#include "runtime/base/dtype_visit.h"
#include "training/compile/training_graph.h"

namespace temper::training {

graph::VariableId add_scalar_variable(graph::Graph& graph, const std::string& name, DType dtype,
                                      const Shape& shape, double initial) {
  graph::Variable variable;
  variable.name = name;
  variable.dtype = dtype;
  variable.shape = shape;
  variable.role = graph::VariableRole::kScalar;
  variable.initial = Tensor(dtype, shape);
  for (std::int64_t i = 0; initial != 0 && i < shape.element_count(); ++i) {
    visit_any(dtype, [&]<class T>() {
      variable.initial.span<T>()[static_cast<std::size_t>(i)] = convert_element<T>(initial);
    });
  }
  return graph.add_variable(std::move(variable));
}

StepVariables add_step_variables(graph::Graph& graph, std::int64_t groups,
                                 const std::string& prefix) {
  StepVariables made;
  made.rates = add_scalar_variable(graph, prefix + kRatesVariable, DType::kFloat64,
                                   {2 * groups, kRateSlots}, 0);
  made.applied = add_scalar_variable(graph, prefix + kAppliedVariable, DType::kInt64, {}, 0);
  made.attempted = add_scalar_variable(graph, prefix + kAttemptedVariable, DType::kInt64, {}, 0);
  made.position = add_scalar_variable(graph, prefix + kPositionVariable, DType::kInt64, {}, 0);
  return made;
}

void count(graph::Builder& builder, graph::VariableId counter, graph::ValueId by,
           graph::UpdateBinding::Kind kind) {
  builder.set_origin("count");
  graph::Graph& graph = builder.graph();
  graph.add_update({counter, builder.add(graph.read_variable(counter), by), kind});
}

}  // namespace temper::training
