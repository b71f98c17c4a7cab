// Products of integers that stand for floats.
#pragma once

#include "graph/ir/infer_context.h"
#include "graph/ir/node_draft.h"

namespace temper::graph {

bool is_8_bit(DType dtype);

// x [N, C, d...], w [M, C / group, k...] -> [N, M, o...], of the inputs at these places; the
// window's attributes are completed.
Shape convolution_shape(InferContext& c, int first, int second);

// Of a Cast to a float type: where it reads a product of integers that floats were rounded to, it
// reads from now on the product of these floats, rounded and scaled alike, through which gradients
// go straight.
void read_product_as_floats(NodeDraft& cast);

}  // namespace temper::graph
