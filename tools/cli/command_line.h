// Splits the command line by the subcommands' descriptions.
#pragma once

#include <string>
#include <vector>

#include "tools/cli/command.h"

namespace temper::cli {

struct ParsedLine {
  const Command* command = nullptr;  // null: `output` is all there is to do (help, version)
  Arguments arguments;
  std::string output;
};

// Switches every subcommand takes besides its own.
inline constexpr const char* kJsonSwitch = "--json";

// THROWS: kInvalidArgument, with the nearest known word where there is one.
ParsedLine parse_command_line(int argc, const char* const* argv,
                              const std::vector<Command>& commands);

}  // namespace temper::cli
