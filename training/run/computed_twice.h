// What a run tells of train.memory_limit.
#pragma once

#include "graph/passes/recompute.h"
#include "runtime/base/concat.h"
#include "runtime/base/number_text.h"
#include "training/records/run_observer.h"

namespace temper::training {

// `of`: "a step", "the generator's step".
inline void tell_computed_twice(const graph::RecomputationReport& twice, const char* of,
                                RunObserver& observer) {
  if (twice.nodes > 0) {
    observer.message(concat("train.memory_limit: ", twice.nodes, " nodes of ", of,
                            " are computed twice, ", fixed_text(100 * twice.work, 0),
                            " % more work in products"));
  }
}

}  // namespace temper::training
