// `--opset N`: a model in the operators of an older or newer opset, 7 to 28.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "graph/onnx/surgery/model_edit.h"
#include "runtime/backend/backend.h"

namespace temper::graph {

struct KnownValue {
  DType dtype = DType::kUndefined;
  Shape shape;
};
using KnownValues = std::map<std::string, KnownValue>;

struct OpsetOptions {
  std::int64_t opset = 0;
  // Runs the model as it stands: the types and shapes of its values.
  std::function<KnownValues(const OnnxModel&)> observe;
  // Computes what an older opset cannot and is always the same. REQUIRES: not null.
  const Backend* reference = nullptr;
};

// Nodes whose operator changed between the file's opset and this one are written in its form
// (attributes and inputs that changed places, other defaults), those that it does not have as nodes
// that mean the same, in bodies of If, Loop and Scan too. What an older opset lacks or wants as an
// attribute, and is the same in every run, is computed now. The IR version becomes that of the
// opset's release. What is not concerned stays. THROWS: kInvalidArgument for an opset outside 7 to
// 28; kUnsupported with all reasons why the model cannot be written in it.
void to_opset(ModelEdit& edit, const OpsetOptions& options);

}  // namespace temper::graph
