// A graph in operators of the ONNX standard alone, for files that other tools run.
#pragma once

#include <cstdint>

#include "graph/ir/graph.h"
#include "runtime/backend/backend.h"

namespace temper::graph {

// What only an applied step does becomes a choice between the new value and the old one, by `ok`:
// every update is then done always.
void guard_updates(Graph& graph);

// In the place of every internal node, and of every op that came after `opset`, what op_def.h says
// of it: its standard form, else its expansion, else the gradient of its forward op's expansion.
// Shapes are known. Dead nodes go first, and what the parts of the graph compute twice is computed
// once. THROWS: kUnsupported listing every node that has no such form.
void to_standard_ops(Graph& graph, std::int64_t opset);

// Nodes of constant inputs with at most 64 elements in each output become constants: larger ones
// would be bytes of the file.
void fold_small_constants(Graph& graph, const Backend& reference);

}  // namespace temper::graph
