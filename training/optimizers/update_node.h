// What the optimizers' builders share: parameters as a recipe names them, state variables, the
// update node. Private to training/optimizers.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "training/optimizers/optimizer.h"

namespace temper::training {

ParameterSpec number_parameter(std::string name, double fallback, std::string help,
                               std::string (*check)(const AttrValue&) = require_not_negative);
ParameterSpec flag_parameter(std::string name, std::string help, bool fallback = false);
// Two numbers, such as betas.
ParameterSpec pair_parameter(std::string name, double first, double second, std::string help,
                             std::string (*check)(const AttrValue&) = require_share);

// lr, `own`, then what all optimizers have.
std::vector<ParameterSpec> with_common(double lr, double weight_decay,
                                       std::vector<ParameterSpec> own);

struct StateSpec {
  std::string name = {};               // as PyTorch's: "exp_avg"
  std::string initial_parameter = {};  // of the optimizer: every element starts as it; empty: as 0
  // The state's shape, where it is not the parameter's.
  Shape (*shape)(const Shape& parameter) = nullptr;
};

struct UpdateNode {
  const char* op = nullptr;
  std::vector<StateSpec> states = {};
  // Attributes that are not parameters of the optimizer: one number for all groups.
  std::vector<std::pair<std::string, double>> constants = {};
  std::vector<std::int64_t> units_last = {};  // per parameter, for updates that ask for it
  std::string memory = {};  // a number per group that lives from step to step, initially 1
  bool sees_axes = false;   // no flat pass: writes no copies
};

// True when any group has this flag, or a number other than 0.
bool any_group(const UpdateInputs& inputs, std::string_view parameter);

// The part of `inputs` that `chosen` names, per parameter.
UpdateInputs part_of(const UpdateInputs& inputs, const std::vector<bool>& chosen);

// Keeps the variables of these parameters in the order of their axes, for updates that see them.
void keep_plain(graph::Graph& graph, const UpdateInputs& inputs);

// The node with its variables and bindings. Each parameter of the optimizer becomes an attribute
// with one number per group; a list becomes several, numbered from 1 ("betas": beta1, beta2).
void add_update(graph::Builder& builder, const UpdateInputs& inputs, const UpdateNode& node);

}  // namespace temper::training
