// Runs a model and what was made of it on the same samples.
#pragma once

#include "graph/onnx/surgery/dynamic_batch.h"
#include "graph/passes/rebatch.h"

namespace temper::graph {

struct BatchName {
  std::int64_t from = 1;  // before
  std::string symbol;     // after
};

// `after`, at the batch size of `before` and at three times that, gives what `before` gives to the
// same samples, to 1e-4 of the largest value. `trace`: of the graph of `before`. THROWS:
// kUnsupported naming the output and the difference.
void check_any_batch(const OnnxModel& before, const OnnxModel& after, const BatchTrace& trace,
                     const BatchName& batch, const Trial& trial);

}  // namespace temper::graph
