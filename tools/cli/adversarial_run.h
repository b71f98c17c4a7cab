// `temper train` of a recipe with two models: generator against discriminator.
#pragma once

#include "tools/cli/command.h"
#include "training/recipe/recipe.h"

namespace temper::cli {

// Runs the recipe with the options of `temper train`; returns the exit code.
int run_adversarial(const Arguments& arguments, training::Recipe recipe);

}  // namespace temper::cli
