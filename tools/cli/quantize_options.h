// The options of `temper convert` that make integers of a model's numbers.
#pragma once

#include "tools/cli/command.h"
#include "training/analysis/deployment.h"

namespace temper::cli {

const std::vector<OptionSpec>& quantize_option_specs();

// THROWS: kInvalidArgument, also for an option that says more about one that is
// not given.
void take_quantization(const Arguments& arguments, training::DeploymentOptions& options);

}  // namespace temper::cli
