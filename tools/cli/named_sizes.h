// Sizes of a file's symbolic dimensions on the command line: seq=128.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "tools/cli/command.h"

namespace temper::cli {

// Of the positional arguments from `first` on. THROWS: kInvalidArgument for a word of another form.
std::map<std::string, std::int64_t> named_sizes(const Arguments& arguments, std::size_t first);
// Of an option's list, "batch=1,seq=128". THROWS: as above.
std::map<std::string, std::int64_t> named_sizes(const Arguments& arguments, const char* option);

}  // namespace temper::cli
