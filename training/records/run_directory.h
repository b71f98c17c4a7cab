// The folder of a run.
#pragma once

#include <string>
#include <vector>

#include "training/recipe/recipe.h"

namespace temper::training {

// The folder a command writes to: `wanted`, made if missing and empty, or runs/NAME-N when it is
// empty. THROWS: kInvalidArgument when there is something in it; kIo.
std::string make_output_directory(const std::string& wanted, const std::string& name);

// The ONNX files a recipe trains: one, or generator and discriminator.
std::vector<std::string> model_paths(const Recipe& recipe);

// recipe.train.out, or runs/NAME-N with the first free N. A new run needs a folder that is missing
// or empty; a resumed one needs its folder. THROWS: kIo, kInvalidArgument.
std::string make_run_directory(const Recipe& recipe, bool resume);

// Writes recipe.toml (resolved) into the folder.
void write_run_recipe(const std::string& run_directory, const Recipe& recipe);

}  // namespace temper::training
