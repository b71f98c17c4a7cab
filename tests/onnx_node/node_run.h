// Runs one of ONNX's node tests on a model: by evaluation on the reference backend, and as a plan
// of the cpu backend.
#pragma once

#include <string>

#include "tests/onnx_node/node_case.h"

namespace temper::onnx_node {

enum class Route {
  kReference,  // graph/passes/evaluate, one kernel at a time
  kPlan,       // passes, lowering, executor on the cpu backend
};

// What is wrong: an error of ours, or the first element that differs. Empty: the outputs are
// ONNX's.
std::string run_case(const NodeCase& node_case, Route route);

}  // namespace temper::onnx_node
