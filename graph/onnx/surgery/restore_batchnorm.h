// `--restore-batchnorm`: BatchNormalization behind convolutions it was folded into.
#pragma once

#include <string>
#include <vector>

#include "graph/onnx/surgery/model_edit.h"

namespace temper::graph {

// Convolutions that PyTorch's exporter says were made from a BatchNorm: its metadata name the
// module, not what it was folded into.
std::vector<std::string> folded_batchnorms(ModelEdit& edit);

// Behind those, or the ones that `match` names, comes a BatchNormalization that changes nothing:
// scale 1, shift 0, mean 0 and a variance of 1 less epsilon. The folded factors stay in the
// weights. THROWS: kInvalidArgument when there is none.
void restore_batchnorm(ModelEdit& edit, const NameTest& match);

}  // namespace temper::graph
