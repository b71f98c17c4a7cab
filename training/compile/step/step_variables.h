// The variables that steer a step: rates, counters, the position in the data. Part of every
// checkpoint.
#pragma once

#include "graph/ir/builder.h"

namespace temper::training {

struct StepVariables {
  // f64 [2 G, kRateSlots]: row g has the learning rate of group g at applied step s in slot
  // s % kRateSlots, row G + g its scheduled momentum (or beta1), NaN for the optimizer's own.
  graph::VariableId rates;
  graph::VariableId applied, attempted, position;
};

// A variable of role kScalar, every element `initial`.
graph::VariableId add_scalar_variable(graph::Graph& graph, const std::string& name, DType dtype,
                                      const Shape& shape, double initial);

// `prefix`: of the model whose steps they steer, where a graph holds several.
// `groups`: how many optimizer groups there are, the one of everything else included.
StepVariables add_step_variables(graph::Graph& graph, std::int64_t groups,
                                 const std::string& prefix = {});

// counter <- counter + by
void count(graph::Builder& builder, graph::VariableId counter, graph::ValueId by,
           graph::UpdateBinding::Kind kind);

}  // namespace temper::training
