// What one float tensor of a file becomes: a parameter that trains, one that does not, a statistic,
// or a constant.
#pragma once

#include <functional>

#include "graph/onnx/import.h"
#include "graph/onnx/tensor_uses.h"

namespace temper::graph {

struct DecisionOptions {
  bool may_be_variable = true;  // false: a constant that several calls of a function share
  bool asked = false;           // a variable, whatever its size and place
};

// Fills in what `decision`, whose name and shape are set, leaves open. The place decides; of the
// values only such as no training leaves behind: those of a mask or of a table of sines.
// `value` is asked for them where they matter.
void decide_tensor(TensorDecision& decision, const TensorUse& use,
                   const std::function<Tensor()>& value, const DecisionOptions& options);

}  // namespace temper::graph
