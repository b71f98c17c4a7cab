// Which list of torch.autocast holds the PyTorch twin of an ONNX operator; kFollowInputs: none.
#pragma once

#include <string>
#include <vector>

#include "graph/ir/op_def.h"

namespace temper::graph {

struct AutocastRow {
  std::string op;
  std::string twin;  // in ATen
  PrecisionClass list = PrecisionClass::kFollowInputs;
};

std::vector<AutocastRow> autocast_lists();

}  // namespace temper::graph
