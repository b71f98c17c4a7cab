// What a file has for training alone, and runtimes would only pass by.
#pragma once

#include "graph/onnx/surgery/model_edit.h"

namespace temper::graph {

// Nodes in training form are brought to inference form (surgery/inference.h); Dropout whose mask
// nothing reads and the file's training steps (TrainingInfoProto) are gone.
void strip_training(ModelEdit& edit);

}  // namespace temper::graph
