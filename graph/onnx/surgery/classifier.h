// The last linear layer in front of an output.
#pragma once

#include <string>
#include <vector>

#include "graph/onnx/surgery/linear_layers.h"

namespace temper::graph {

struct Classifier {
  LinearLayer layer;
  std::vector<const FlatNode*> passed;  // nodes between the layer and the output
  std::vector<std::string> values;      // from the output to the layer's product
};

// The name of an output of the file; empty: the first. THROWS: kInvalidArgument when there is none.
std::string output_name(ModelEdit& edit, const std::string& wanted);

// Goes back from the output through activations, poolings, reshapes and means. THROWS: kUnsupported
// naming what stands in between; `option` is what wanted it.
Classifier find_classifier(ModelEdit& edit, const FlatIndex& index, const std::string& output,
                           const std::string& option);

}  // namespace temper::graph
