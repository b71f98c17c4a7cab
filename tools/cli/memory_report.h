// The memory plan of a run on stdout, for --dry-run.
#pragma once

#include <cstdint>
#include <vector>

#include "training/compile/plan_set.h"

namespace temper::cli {

// A table in bytes, or one JSON line, of the largest of a run's stages, and the most that is
// resident during a step, an evaluation, a checkpoint and an export. `export_bytes`: as
// graph::export_bytes(). `casts`: between float types, in a step. REQUIRES: at least one stage, the
// last one being allocated.
void print_memory(const std::vector<training::MemoryPlan>& stages, bool as_json,
                  std::int64_t export_bytes, int casts = 0);

}  // namespace temper::cli
