// The graph of each loss. output: floats; target: as target_spec() says; the result is a scalar of
// the output's dtype.
#pragma once

#include "graph/ir/builder.h"
#include "runtime/base/attrs.h"

namespace temper::training {

graph::ValueId build_cross_entropy(graph::Builder& builder, graph::ValueId output,
                                   graph::ValueId target, const Attrs& parameters);
graph::ValueId build_mse(graph::Builder& builder, graph::ValueId output, graph::ValueId target,
                         const Attrs& parameters);
graph::ValueId build_bce_with_logits(graph::Builder& builder, graph::ValueId output,
                                     graph::ValueId target, const Attrs& parameters);

// Sum or mean over all elements, by parameter `reduction`.
graph::ValueId reduce_loss(graph::Builder& builder, graph::ValueId elements,
                           const Attrs& parameters);

}  // namespace temper::training
