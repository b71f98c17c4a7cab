// The options of `temper convert` for a model's own conversion, as what they ask for.
#pragma once

#include "tools/cli/command.h"
#include "training/analysis/deployment.h"

namespace temper::cli {

const std::vector<OptionSpec>& deployment_option_specs();

// THROWS: kInvalidArgument, also when no conversion is asked for, or one that another one rules
// out.
training::DeploymentOptions deployment_options(const Arguments& arguments);

}  // namespace temper::cli
