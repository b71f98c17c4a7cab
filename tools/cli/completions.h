// What a shell offers for a line of `temper` that is being typed, from the commands' own
// descriptions: commands, options, recipe keys, names of components, tensors of a model.
#pragma once

#include <string>
#include <vector>

#include "tools/cli/command.h"

namespace temper::cli {

// Stands for the files that the shell finds itself.
inline constexpr const char* kFilesCandidate = ":files";

// A line each for what `words` may end with, as "word" or "word<tab>what it is". `words`: those
// after `temper`, the last one unfinished or empty. Never fails: what cannot be read is not
// offered.
std::string completion_candidates(const std::vector<Command>& commands,
                                  const std::vector<std::string>& words);

// A shell's script that asks `temper help complete`. THROWS: kInvalidArgument for a shell other
// than bash, zsh and fish.
std::string completion_script(const std::string& shell);

}  // namespace temper::cli
