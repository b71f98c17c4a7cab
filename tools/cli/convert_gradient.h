// `temper convert --gradient`: a model that gives gradients beside its outputs.
#pragma once

#include <vector>

#include "tools/cli/command.h"

namespace temper::cli {

const std::vector<OptionSpec>& gradient_option_specs();

// IN and OUT are the first two words; NAME=SIZE, or with --data KEY=VALUE, may follow.
int convert_gradient(const Arguments& arguments);

}  // namespace temper::cli
