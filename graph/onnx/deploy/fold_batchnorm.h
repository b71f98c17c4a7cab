// BatchNormalization in inference form goes into the Conv, ConvTranspose or Gemm in front of it:
// weight s / sqrt(variance + epsilon), bias (b - mean) s / sqrt(variance + epsilon) + shift.
#pragma once

#include "graph/onnx/surgery/model_edit.h"

namespace temper::graph {

// How many were folded; a note says it. Those whose layer has other readers, whose weight is shared
// or whose values are not stored stay.
int fold_batchnorm(ModelEdit& edit);

}  // namespace temper::graph
