// `temper new`: its options are those of the architecture that is typed.
#pragma once

#include <string>
#include <vector>

#include "tools/cli/command.h"

namespace temper::cli {

// With the options of the first architecture among the words of the line; of all where there is
// none.
Command new_command(const std::vector<std::string>& words);

}  // namespace temper::cli
