// The memory plan of a run on stdout, for --dry-run.
#pragma once

#include <vector>

#include "training/compile/plan_set.h"

namespace temper::cli {

// A table in bytes, or one JSON line, of the largest of a run's stages. `casts`: between float
// types, in a step. REQUIRES: at least one stage.
void print_memory(const std::vector<training::MemoryPlan>& stages, bool as_json, int casts = 0);

}  // namespace temper::cli
