// Optimizers by name. An optimizer is one node over all parameters, their gradients and its state
// variables; lowering lays these out flat, so the update is one pass.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "graph/ir/builder.h"
#include "training/settings/component.h"

namespace temper::training {

struct UpdateInputs {
  graph::ValueId ok;     // bool scalar
  graph::ValueId rates;  // f64 [2 G, K]: see graph/ops/optimizer_updates.cpp
  graph::ValueId step;   // i64 scalar, or i64 [P] with phases
  graph::ValueId scale;  // scalar factor on every gradient (clipping, unscaling)
  // Of it what the gradients still lack, so that they are not what they look like; invalid:
  // nothing.
  graph::ValueId unscale;
  std::vector<graph::VariableId> parameters;
  std::vector<graph::ValueId> gradients;
  std::vector<std::int64_t> group_of;  // per parameter
  // Per parameter: the part of the run in which it began to train; empty: all with the run.
  std::vector<std::int64_t> phase_of;
  std::vector<Attrs> groups;  // all parameters of the optimizer, per group
  // Per parameter: the axis along which its units lie; -1 for one unit (compile/unit_axes.h).
  std::vector<std::int64_t> unit_axes;
  // kFloat16 or kBFloat16: parameters of a flat pass that the graph casts to it get a copy in that
  // type, which takes the casts' place; kUndefined: none.
  DType low_copies = DType::kUndefined;
  // Of the model, where a graph trains several: its number, and what begins its names.
  int model = 0;
  std::string prefix = {};
};

struct Optimizer {
  std::string name;
  std::string help;
  std::vector<ParameterSpec> parameters;  // lr and weight_decay included
  // Adds the state variables, the update node and its bindings.
  void (*build)(graph::Builder& builder, const UpdateInputs& inputs);
};

const std::vector<Optimizer>& optimizers();

// THROWS: kInvalidArgument with the nearest name.
const Optimizer& find_optimizer(std::string_view name);

}  // namespace temper::training
