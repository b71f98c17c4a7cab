// Puts a copy of one graph into another: how models are joined (generator and discriminator) and
// used several times in one graph.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/ir/graph.h"

namespace temper::graph {

struct Appended {
  std::vector<Graph::Output> outputs;  // as part's, as values of `into`
  // part's updates in terms of `into`; adding them, or some, is the caller's decision.
  std::vector<UpdateBinding> updates;
};

// Appends the nodes of `part` to `into`. Inputs of `part` become the values of `inputs` under their
// names; variables become variables of `into`, of this model, shared by all copies of it, but those
// in `reads` (identities in `into`) are read as the value given there (a statistic that an earlier
// copy moved). Labels of variables and origins get the prefix. REQUIRES: `part` has known shapes;
// `into` is another graph of the same registry. THROWS: kInvalidModel when an input is missing, or
// has another type or shape.
Appended append(Graph& into, const Graph& part, int model, const std::string& prefix,
                const std::map<std::string, ValueId>& inputs,
                const std::map<VariableIdentity, ValueId>& reads = {});

}  // namespace temper::graph
