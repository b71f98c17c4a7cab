// --device, the same in every command that runs a model.
#pragma once

#include <string>

#include "backends/backends.h"
#include "tools/cli/command.h"
#include "training/recipe/recipe.h"

namespace temper::cli {

OptionSpec device_option();

// What was typed wins over the recipe.
void take_device(const Arguments& arguments, training::Recipe& recipe);

// For commands without a recipe: the device that was typed, or `otherwise`; says on the way what
// "auto" became, which is open then.
DeviceChoice chosen_device(const Arguments& arguments, const std::string& otherwise);

}  // namespace temper::cli
