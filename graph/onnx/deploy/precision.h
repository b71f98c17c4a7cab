// `--precision fp16|bf16`: a float32 model computes in 16 bits. The way back is in to_float32.h.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "graph/onnx/surgery/model_edit.h"

namespace temper::graph {

// Of the float32 values of a model that was run: the largest magnitude of each, by name. What
// stands for infinity (above 1e30) does not count.
using ObservedValues = std::map<std::string, double>;

struct PrecisionOptions {
  DType type = DType::kFloat16;  // or kBFloat16
  bool convert_io = false;       // inputs and outputs of the model too
  NameTest keep;        // nodes that stay in float32, by name, output or operator; none: none
  bool strict = false;  // what would overflow is an error
  // Runs the model as it stands.
  std::function<ObservedValues(const OnnxModel&)> observe;
};

// Weights, nodes and what the file says of types become 16 bits, with a Cast where a value crosses.
// In float32 stay: nodes of `keep`, operators that are known to need it (those that onnxconverter-
// common leaves) or that ONNX does not allow in this type at the file's opset, those of other
// domains, If, Loop and Scan with their bodies, and nodes that read or give values which 16 bits do
// not hold: above their largest, or all below their smallest normal number. Constants above 1e30,
// which stand for infinity in masks, become the largest of the type. THROWS: kUnsupported for a
// model that has 16-bit floats already; with `strict` naming what would overflow.
void to_precision(ModelEdit& edit, const PrecisionOptions& options);

}  // namespace temper::graph
