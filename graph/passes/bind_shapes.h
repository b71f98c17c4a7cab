// Gives every dimension its number, infers all shapes and folds what is known: the chains of Shape,
// Gather, Concat that exporters write in front of Reshape disappear here.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "graph/ir/graph.h"
#include "graph/passes/resolve.h"
#include "runtime/backend/backend.h"

namespace temper::graph {

// Binds the symbolic dimensions of the inputs; what control flow comes to stands in its place then,
// also in `mirror` (resolve.h). A dimension without a name gets `unnamed_first` at
// axis 0, elsewhere what `symbols` say of "?". THROWS: kInvalidArgument naming an input and
// dimension that stay unknown; kInvalidModel from shape rules.
void bind_shapes(Graph& graph, const std::map<std::string, std::int64_t>& symbols,
                 std::int64_t unnamed_first, const Backend& reference,
                 const ResolveOptions& options = {}, Graph* mirror = nullptr);

// The inputs alone: infers nothing yet.
void bind_inputs(Graph& graph, const std::map<std::string, std::int64_t>& symbols,
                 std::int64_t unnamed_first);

// Turns nodes with constant inputs into constants. A result may have 65,536 elements, or as many as
// the largest input; all results together are bounded by what the graph's constants take (a short
// file can name a thousand large ones), but for those the size of shapes. What is not folded is
// computed in each step.
class ConstantFolder {
 public:
  ConstantFolder(const Graph& graph, const Backend& reference);
  // REQUIRES: the node's outputs are inferred.
  void fold_if_constant(Graph& graph, NodeId id);
  const Backend& reference() const { return reference_; }

 private:
  bool may_fold(const Graph& graph, const Node& node);

  const Backend& reference_;
  std::int64_t bytes_left_;
};

// Folding alone, over a graph whose shapes are known.
void fold_constants(Graph& graph, const Backend& reference);

}  // namespace temper::graph
