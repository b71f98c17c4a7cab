// Optimizers by name. An optimizer is one node over all parameters, their gradients and its state
// variables; lowering lays these out flat, so the update is one pass.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "graph/ir/builder.h"
#include "training/settings/component.h"

namespace temper::training {

// What a parameter group sets apart from the optimizer's own values.
struct GroupValues {
  double lr_scale = 1;  // the group's rate divided by the optimizer's
  double weight_decay = 0;
};

struct UpdateInputs {
  graph::ValueId ok;     // bool scalar
  graph::ValueId rates;  // f64 [K]: rate of applied step s at s % K
  graph::ValueId step;   // i64 scalar
  graph::ValueId scale;  // scalar factor on every gradient (clipping)
  std::vector<graph::VariableId> parameters;
  std::vector<graph::ValueId> gradients;
  std::vector<std::int64_t> group_of;  // per parameter
  std::vector<GroupValues> groups;
};

struct Optimizer {
  std::string name;
  std::string help;
  std::vector<ParameterSpec> parameters;  // lr and weight_decay included
  double default_lr = 1e-3;
  // Adds the state variables, the update node and its bindings.
  void (*build)(graph::Builder& builder, const UpdateInputs& inputs, const Attrs& parameters);
};

const std::vector<Optimizer>& optimizers();

// THROWS: kInvalidArgument with the nearest name.
const Optimizer& find_optimizer(std::string_view name);

}  // namespace temper::training
