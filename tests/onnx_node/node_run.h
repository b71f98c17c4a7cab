// Runs one of ONNX's node tests on a model: by evaluation on the reference backend, and as a plan
// of the cpu backend.
#pragma once

#include <string>

#include "graph/ir/graph.h"
#include "tests/onnx_node/node_case.h"

namespace temper::onnx_node {

enum class Route {
  kReference,  // graph/passes/evaluate, one kernel at a time
  kPlan,       // passes, lowering, executor on the cpu backend
};

// What is wrong: an error of ours, or the first element that differs. Empty: the outputs are
// ONNX's.
std::string run_case(const NodeCase& node_case, Route route);

// As when a training graph is made, if the case is in training form. Dropout stays: what it drops
// is random. REQUIRES: known shapes.
void turn_into_training(graph::Graph& graph);

}  // namespace temper::onnx_node
