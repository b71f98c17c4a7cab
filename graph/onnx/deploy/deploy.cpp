#include "graph/onnx/deploy/deploy.h"

#include <algorithm>
#include <limits>

#include <onnx.pb.h>

#include "graph/onnx/deploy/fix_dimensions.h"
#include "graph/onnx/deploy/strip_training.h"

namespace temper::graph {

void apply_deployment(ModelEdit& edit, const DeployOptions& options) {
  if (options.inference) {
    strip_training(edit);
  }
  if (!options.fixed_dims.empty()) {
    fix_dimensions(edit, options.fixed_dims);
  }
  if (options.fold) {
    fold(edit, *options.fold);
  }
  if (options.opset) {
    to_opset(edit, *options.opset);
  }
  if (options.int8_static) {
    quantize_static(edit, *options.int8_static);
  }
  if (options.int8_dynamic) {
    quantize_dynamic(edit, *options.int8_dynamic);
  }
  if (options.int8_pack) {
    pack_quantized(edit);
  }
  if (options.int4) {
    quantize_blocks(edit, *options.int4);
  }
  if (options.precision) {
    to_precision(edit, *options.precision);
  }
  if (options.float32) {
    to_float32(edit, *options.float32);
  }
}

double allowed_difference(const DeployOptions& options) {
  // What one operator was, several add up otherwise, and a BatchNorm its weights.
  double allowed = options.fold ? 1e-4 : options.opset ? 1e-5 : 0;
  if (options.int8_static) {  // ranges are those of the data, which others may leave
    allowed = std::numeric_limits<double>::infinity();
  }
  if (options.int8_dynamic || options.int8_pack) {
    allowed = std::max(allowed, 0.25);
  }
  if (options.int4) {
    allowed = std::max(allowed, 1.0);
  }
  if (options.precision) {
    allowed = std::max(allowed, options.precision->type == DType::kBFloat16 ? 0.1 : 0.02);
  }
  return allowed;
}

}  // namespace temper::graph
