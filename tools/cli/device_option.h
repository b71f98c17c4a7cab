// --device, the same in every command that runs a model.
#pragma once

#include "tools/cli/command.h"
#include "training/recipe/recipe.h"

namespace temper::cli {

OptionSpec device_option();

// What was typed wins over the recipe.
void take_device(const Arguments& arguments, training::Recipe& recipe);

}  // namespace temper::cli
