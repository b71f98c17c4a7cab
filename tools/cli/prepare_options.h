// The options of `temper prepare` as the edits they ask for.
#pragma once

#include "graph/onnx/surgery/prepare.h"
#include "tools/cli/command.h"

namespace temper::cli {

const std::vector<OptionSpec>& prepare_option_specs();

// THROWS: kInvalidArgument, also when no edit is asked for, or one that another one rules out.
graph::PrepareOptions prepare_options(const Arguments& arguments);

}  // namespace temper::cli
