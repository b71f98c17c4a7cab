// Manual pages of the command, from the subcommands' own descriptions.
#pragma once

#include <string>
#include <vector>

#include "tools/cli/command.h"

namespace temper::cli {

// temper(1), or with a command's name temper-NAME(1), as roff. THROWS: kInvalidArgument for a name
// of no command.
std::string man_page(const std::vector<Command>& commands, const std::string& name);

}  // namespace temper::cli
