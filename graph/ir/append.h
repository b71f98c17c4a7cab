// Puts a copy of one graph into another: how models are joined (generator and discriminator) and
// used several times in one graph.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/ir/graph.h"

namespace temper::graph {

// Appends the nodes of `part` to `into`. Inputs of `part` become the values of `inputs` under their
// names; variables become variables of `into` called prefix + name, shared by all copies with that
// prefix; origins get the prefix. Returns part's outputs in their order, as values of `into`.
// REQUIRES: `part` has known shapes and no updates; `into` is another graph of the same registry.
// THROWS: kInvalidModel when an input is missing, or has another type or shape.
std::vector<Graph::Output> append(Graph& into, const Graph& part, const std::string& prefix,
                                  const std::map<std::string, ValueId>& inputs);

}  // namespace temper::graph
