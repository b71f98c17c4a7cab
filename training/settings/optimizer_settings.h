// [[optimizer.group]] of a recipe.
#pragma once

#include <string>

#include "training/settings/component.h"

namespace temper::training {

// Tensors with settings of their own.
struct OptimizerGroupSettings {
  std::string match;
  Attrs parameters;  // those that the group sets apart; the others are the optimizer's
};

}  // namespace temper::training
