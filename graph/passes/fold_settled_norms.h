// A BatchNormalization by its running statistics, behind a convolution whose weight the plan does
// not change, becomes part of that weight: weight s r, bias (b - mean) s r + shift with
// r = (variance + epsilon)^-1/2. Those are computed once (settled_values.h), so a frozen part of a
// model and an evaluation run the convolution alone.
#pragma once

#include "graph/ir/graph.h"

namespace temper::graph {

// Where nothing else reads what the convolution gives. In 16 bits the products are of the float32
// weight, rounded once.
void fold_settled_norms(Graph& graph);

}  // namespace temper::graph
