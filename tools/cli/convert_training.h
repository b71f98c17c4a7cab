// `temper convert --training`: the step of a recipe as an ONNX file.
#pragma once

#include <vector>

#include "tools/cli/command.h"

namespace temper::cli {

const std::vector<OptionSpec>& training_option_specs();

// RECIPE and OUT are the first two words, KEY=VALUE for the recipe may follow.
int convert_training(const Arguments& arguments);

}  // namespace temper::cli
