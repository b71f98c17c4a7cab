// What nodes with bodies compute, in plain steps: the specification that their kernels are compared
// with. Part of evaluate().
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "graph/ir/graph.h"

namespace temper::graph {

// The outputs of one of the node's bodies.
using BodyEvaluator =
    std::function<std::vector<Tensor>(std::size_t body, const std::vector<Tensor>& inputs)>;

// The states before each step of a loop.
using Tape = std::vector<std::vector<Tensor>>;

// One tensor for each output (undefined for what is no tensor). An Iterate writes the tape, its
// gradient reads it.
std::vector<Tensor> evaluate_bodies(const Graph& graph, const Node& node,
                                    const std::vector<Tensor>& inputs, const BodyEvaluator& run,
                                    Tape* tape);

}  // namespace temper::graph
