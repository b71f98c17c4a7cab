// An evaluation as numbers that two devices can be compared by.
#pragma once

#include <vector>

#include "training/recipe/recipe.h"
#include "training/session/session.h"

namespace temper::training {

// The loss of the validation data and every metric that the recipe wants.
std::vector<double> evaluation_figures(const Recipe& recipe, EngineOptions options = {});

}  // namespace temper::training
