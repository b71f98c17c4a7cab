// `--rename OLD=NEW`: inputs and outputs by other names.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "graph/onnx/surgery/model_edit.h"

namespace temper::graph {

// THROWS: kInvalidArgument for a name that no input or output has, and for one that another value
// of the model has.
void rename_ports(ModelEdit& edit, const std::vector<std::pair<std::string, std::string>>& names);

}  // namespace temper::graph
