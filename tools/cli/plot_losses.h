// `temper plot losses`: what losses cost against the error, in one chart, without training.
#pragma once

#include "tools/cli/command.h"

namespace temper::cli {

// `arguments`: "losses", then names of losses, recipes and KEY=VALUE settings. Returns the exit
// code. THROWS: kInvalidArgument, kIo.
int plot_losses(const Arguments& arguments);

}  // namespace temper::cli
