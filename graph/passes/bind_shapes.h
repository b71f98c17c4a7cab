// Gives every dimension its number, infers all shapes and folds what is known: the chains of Shape,
// Gather, Concat that exporters write in front of Reshape disappear here.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "graph/ir/graph.h"
#include "runtime/backend/backend.h"

namespace temper::graph {

// Binds the symbolic dimensions of the inputs. A dimension without a name gets `unnamed_first` at
// axis 0, elsewhere what `symbols` say of "?". THROWS: kInvalidArgument naming an input and
// dimension that stay unknown; kInvalidModel from shape rules.
void bind_shapes(Graph& graph, const std::map<std::string, std::int64_t>& symbols,
                 std::int64_t unnamed_first, const Backend& reference);

// Infers the outputs of every node and turns nodes with constant inputs into constants.
// Nodes whose result would have more than `max_elements` elements stay, unless their inputs are as
// large.
void infer_and_fold(Graph& graph, const Backend& reference, std::int64_t max_elements = 1 << 16);

// Folding alone, over a graph whose shapes are known.
void fold_constants(Graph& graph, const Backend& reference, std::int64_t max_elements = 1 << 16);

}  // namespace temper::graph
