// The end of quantisation-aware training: weights that were floats, rounded where they are read,
// become the integers they are rounded to.
#pragma once

#include "graph/onnx/surgery/model_edit.h"

namespace temper::graph {

// Every stored tensor behind a QuantizeLinear with stored scales becomes integers, and a bias of a
// product of rounded values int32 with input scale times weight scale, where it fits: the form of
// quantize_static(). The model gives what it gave, but for the rounding of biases. Returns how many
// weights were packed; a note says it. THROWS: kUnsupported when there is none.
int pack_quantized(ModelEdit& edit);

}  // namespace temper::graph
