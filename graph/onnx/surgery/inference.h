// `--inference`: a file that was exported in training mode, as it is used.
#pragma once

#include "graph/onnx/surgery/model_edit.h"

namespace temper::graph {

// As to_inference_form(); a note says whether there was anything to do.
void bring_to_inference(ModelEdit& edit);

}  // namespace temper::graph
