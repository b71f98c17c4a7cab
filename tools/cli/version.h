// The version of Temper, and what this build of the command is.
#pragma once

#include <string>

namespace temper::cli {

// "0.1.0".
const char* version();

// What `temper --version --json` prints.
std::string version_facts();

}  // namespace temper::cli
