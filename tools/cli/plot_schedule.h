// `temper plot schedule`: charts of learning-rate schedules without training and without data.
#pragma once

#include "tools/cli/command.h"

namespace temper::cli {

// `arguments`: "schedule", then recipes and KEY=VALUE settings. Returns the exit code.
// THROWS: kInvalidArgument, kIo.
int plot_schedule(const Arguments& arguments);

}  // namespace temper::cli
