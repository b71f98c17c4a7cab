// The tensors that stand inside the bodies of If, Loop and Scan, where export puts trained values.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "graph/onnx/model_file.h"

namespace temper::graph {

struct BodyTensors {
  // With their names in the graph; "" in functions, where nothing is trained.
  std::vector<std::pair<std::string, wire::TensorProto*>> initializers;
  std::vector<std::pair<std::string, wire::NodeProto*>> constants;  // Constant nodes
};

BodyTensors find_body_tensors(wire::ModelProto& model);

}  // namespace temper::graph
