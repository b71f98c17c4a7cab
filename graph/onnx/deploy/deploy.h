// `temper convert IN.onnx OUT.onnx`: a model as it is to be run elsewhere, by edits of its file.
// What no conversion concerns stays as it is.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "graph/onnx/deploy/fold.h"
#include "graph/onnx/deploy/opset.h"
#include "graph/onnx/deploy/precision.h"
#include "graph/onnx/deploy/quantize_dynamic.h"
#include "graph/onnx/deploy/quantize_pack.h"
#include "graph/onnx/deploy/quantize_static.h"
#include "graph/onnx/deploy/to_float32.h"
#include "graph/onnx/surgery/model_edit.h"

namespace temper::graph {

// The conversions that are wanted, done in the order of the fields. Each says in its own header
// what it does and refuses.
struct DeployOptions {
  bool inference = false;                          // strip_training()
  std::map<std::string, std::int64_t> fixed_dims;  // by their symbols
  std::optional<FoldOptions> fold;
  std::optional<OpsetOptions> opset;  // before types: which are allowed depends on it
  std::optional<QuantizeStaticOptions> int8_static;
  std::optional<QuantizeDynamicOptions> int8_dynamic;
  bool int8_pack = false;  // pack_quantized()
  std::optional<QuantizeBlocksOptions> int4;
  std::optional<PrecisionOptions> precision;  // not with integers
  std::optional<Float32Options> float32;      // nor with the former
};

// THROWS: as the conversions.
void apply_deployment(ModelEdit& edit, const DeployOptions& options);

// How far an output may move, measured by its largest value; beyond that a conversion went wrong.
double allowed_difference(const DeployOptions& options);

}  // namespace temper::graph
