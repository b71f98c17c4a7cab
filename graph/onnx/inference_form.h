// Files exported in training mode, brought to the form for inference when they are written.
#pragma once

#include "graph/onnx/flatten.h"

namespace temper::graph {

// BatchNormalization normalises by its running statistics and gives its one output, Dropout passes
// its input on; functions are changed too. Outputs with statistics that something reads become
// those running statistics. A file without nodes in training form stays as it is.
void to_inference_form(wire::ModelProto& model);

}  // namespace temper::graph
