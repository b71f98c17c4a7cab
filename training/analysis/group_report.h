// What the optimizer does with each tensor of a model, after all [[optimizer.group]] that match it.
#pragma once

#include <string>
#include <vector>

#include "training/recipe/recipe.h"

namespace temper::training {

struct TensorSettings {
  std::string name;
  std::string settings;  // "lr = 0.1, weight_decay = 0.0": those that any group names
  std::string groups;    // "**.bias + fc.**": the patterns that match it; empty: none
  bool trained = false;
  std::string why;  // it is trained, or not
};

// Of each parameter of the recipe's model; empty without groups. THROWS: what loading the model
// throws; kInvalidArgument when a pattern matches nothing.
std::vector<TensorSettings> tensor_settings(const Recipe& recipe);

// A line each, below a title; empty for none.
std::string describe_groups(const std::vector<TensorSettings>& all);

}  // namespace temper::training
