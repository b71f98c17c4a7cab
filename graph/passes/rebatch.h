// Gives a graph whose file fixes the batch size another one: exports without dynamic shapes carry
// it in the inputs and in the constant targets of Reshape and Expand.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "graph/ir/batch_context.h"
#include "graph/ir/graph.h"
#include "graph/passes/resolve.h"
#include "runtime/backend/backend.h"

namespace temper::graph {

// What rebatch() found, for those who edit the file rather than the graph.
struct BatchTrace {
  std::vector<BatchAxis> axes;    // per value of the graph as it was given
  std::vector<NodeId> rewritten;  // nodes that held the batch's size as a number, in order
  std::vector<NodeId> picking;    // of these, those of passes/picks_in_sample
};

// Changes dimension 0 of every input where it is `from` into `to`, follows that dimension through
// the graph, rewrites what holds it as a number, and binds and infers all shapes as bind_shapes()
// does. A sample then gets what it gets in a batch of `from`: a node that mixes samples is refused,
// and every shape is compared with the one it has at `from`. Control flow does what it does there.
// REQUIRES: an imported graph, before
// shapes are inferred; from is not to. THROWS: kInvalidArgument when no input has the size `from`;
// kUnsupported naming the node that does not keep the samples apart; as bind_shapes().
void rebatch(Graph& graph, const std::map<std::string, std::int64_t>& symbols, std::int64_t from,
             std::int64_t to, const Backend& reference, BatchTrace* trace = nullptr,
             const ResolveOptions& options = {});

}  // namespace temper::graph
