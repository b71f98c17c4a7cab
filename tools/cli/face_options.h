// The options of `temper convert` for what a file takes, gives and says of itself.
#pragma once

#include "tools/cli/command.h"
#include "training/analysis/deployment.h"

namespace temper::cli {

const std::vector<OptionSpec>& face_option_specs();
const std::vector<OptionSpec>& embed_option_specs();

// THROWS: kInvalidArgument.
training::FileFace face_options(const Arguments& arguments);
training::EmbedOptions embed_options(const Arguments& arguments);

}  // namespace temper::cli
