// --dump-passes DIR: the graph after each pass, as text files in the order of the passes.
#pragma once

#include <string>

#include "training/compile/engine.h"

namespace temper::cli {

// Makes the folder. An empty one means no dump: an empty function.
decltype(training::EngineOptions::observer) dump_passes_to(const std::string& folder);

}  // namespace temper::cli
