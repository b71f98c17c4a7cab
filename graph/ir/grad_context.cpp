#include "graph/ir/grad_context.h"

#include "graph/ir/infer_context.h"

namespace temper::graph {

ValueId GradContext::saved(int i) {
  Graph& graph = builder_.graph();
  const ValueId made = graph.ensure_output(node_, i);
  infer_node(graph, node_);
  return made;
}

}  // namespace temper::graph
