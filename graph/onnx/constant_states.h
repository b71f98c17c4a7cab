// Weights that a loop carries from step to step unchanged, as tf2onnx writes them.
#pragma once

#include "graph/onnx/flatten.h"

namespace temper::graph {

// Takes stored float tensors out of the states of Loop and Scan where the body gives them on as
// they came: it reads them from around it, which shows what they are and keeps them off the tape.
void take_out_constant_states(FlatGraph& graph);

}  // namespace temper::graph
