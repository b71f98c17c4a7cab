// The memory plan of a run on stdout, for --dry-run.
#pragma once

#include "training/compile/plan_set.h"

namespace temper::cli {

// A table in bytes, or one JSON line. `casts`: between float types, in a step.
void print_memory(const training::MemoryPlan& memory, bool as_json, int casts = 0);

}  // namespace temper::cli
