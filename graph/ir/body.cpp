#include "graph/ir/body.h"

namespace temper::graph {

void number_ports(Graph& graph) {
  for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
    graph.value(graph.inputs[i]).port = {PortRole::kModelInput, static_cast<int>(i)};
  }
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    graph.outputs[i].port = {PortRole::kModelOutput, static_cast<int>(i)};
  }
}

}  // namespace temper::graph
