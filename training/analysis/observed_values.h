// The largest magnitude of each value inside a model, found by running it.
#pragma once

#include "graph/onnx/deploy/opset.h"
#include "graph/onnx/deploy/precision.h"
#include "graph/onnx/deploy/quantize_static.h"
#include "training/analysis/trial.h"

namespace temper::training {

// On the made-up inputs of `runner`: all float32 values that nodes of the main graph give.
graph::ObservedValues observe_values(const graph::OnnxModel& model, TrialRunner& runner);

// The same values on data, and the inputs: `values` become the larger of both.
void widen_by_data(const graph::OnnxModel& model, const graph::RunValues& run,
                   graph::ObservedValues& values);

// The types and shapes of the same, and of whatever else nodes give.
graph::KnownValues known_values(const graph::OnnxModel& model, TrialRunner& runner);

}  // namespace temper::training
