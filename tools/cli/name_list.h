// Lists and patterns of names on the command line.
#pragma once

#include <string>
#include <vector>

#include "graph/onnx/surgery/model_edit.h"
#include "tools/cli/command.h"

namespace temper::cli {

// "a,b" as its parts.
std::vector<std::string> split_list(const std::string& text);

// Of --match and the like: later patterns decide, "!" excludes. None when the option is not given.
graph::NameTest name_test(const Arguments& arguments, const char* option);

}  // namespace temper::cli
