// Gives a graph whose file fixes the batch size another one: exports without dynamic shapes carry
// it in the inputs and in the constant targets of Reshape and Expand.
#pragma once

#include <cstdint>

#include "graph/ir/graph.h"

namespace temper::graph {

// Changes dimension 0 of every input where it is `from` into `to` (-1: the symbol "batch"), follows
// that dimension through the graph and rewrites constant Reshape and Expand targets that hold it,
// so that they take whatever batch comes. REQUIRES: an imported graph, before shapes are inferred
// (nodes in topological order). Equal sizes change nothing. THROWS: kInvalidArgument when no input
// has the size `from`; kUnsupported naming the node that makes the size part of another dimension
// or removes it.
void rebatch(Graph& graph, std::int64_t from, std::int64_t to);

}  // namespace temper::graph
