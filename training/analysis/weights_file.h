// The weights of an ONNX file by name in a file of another kind.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/onnx/surgery/model_edit.h"

namespace temper::training {

// Whether `path` is named as such a file: .safetensors or .npz.
bool is_weights_file(const std::string& path);

struct WrittenWeights {
  std::int64_t tensors = 0;
  std::int64_t bytes = 0;
  std::vector<std::string> notes;
};

// Every initializer of the main graph, and the Constant nodes that hold weights, in the types that
// the file has; whole numbers below 1024 bytes, which are shapes and axes, are left out with a
// note. .npz has no bfloat16: such a tensor is float32 there. THROWS: kUnsupported naming tensors
// of types that the other file has no name for.
WrittenWeights write_weights(graph::ModelEdit& edit, const std::string& path);

// A data file of a model that safetensors readers read too.
graph::FileForm safetensors_form(graph::ModelEdit& edit, const std::string& name);

}  // namespace temper::training
