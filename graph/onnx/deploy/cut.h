// `--outputs`, `--from`: a part of a model, between values of it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/onnx/surgery/model_edit.h"

namespace temper::graph {

struct Cut {
  std::vector<std::string> inputs;   // empty: those of the model that the outputs need
  std::vector<std::string> outputs;  // empty: those of the model
  // Of values that become inputs or outputs, where the file does not say them.
  std::map<std::string, OnnxValueInfo> infos;
};

// The values of the main graph that nodes give, in the order of the file.
std::vector<std::string> values_of_nodes(ModelEdit& edit);

// Inputs and outputs as they are asked for, in that order; nodes and tensors that nothing reads are
// gone. THROWS: kInvalidArgument for a name that no value has, an input that no output needs, and
// one that is needed and not named.
void cut(ModelEdit& edit, const Cut& wanted);

}  // namespace temper::graph
