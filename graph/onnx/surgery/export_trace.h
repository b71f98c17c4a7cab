// What PyTorch's exporters leave in a node of where it came from.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/onnx/flatten.h"

namespace temper::graph {

// The call of the exported program that a node was made from (pkg.torch.onnx.fx_node).
struct TracedCall {
  std::string target;  // "torch.ops.aten.linear.default"; empty: the file says none
  std::vector<std::string> parameters;  // placeholders among its arguments: "p_fc_weight"
  std::optional<double> last_number;  // the last number among them: of a normalisation its epsilon

  bool is(std::string_view name) const { return target.find(name) != std::string::npos; }
};

TracedCall traced_call(const FlatNode& node);

// The module's path: of the metadata, or of the node's name ("/layer1/layer1.0/conv1/Conv" is
// "layer1.0.conv1"); empty: neither says it.
std::string module_path(const FlatNode& node);

}  // namespace temper::graph
