#include "graph/onnx/deploy/deploy.h"

#include <algorithm>
#include <limits>

namespace temper::graph {

void apply_deployment(ModelEdit& edit, const DeployOptions& options) {
  if (options.int8_static) {
    quantize_static(edit, *options.int8_static);
  }
  if (options.int8_dynamic) {
    quantize_dynamic(edit, *options.int8_dynamic);
  }
  if (options.int4) {
    quantize_blocks(edit, *options.int4);
  }
}

double allowed_difference(const DeployOptions& options) {
  double allowed = 0;
  if (options.int8_static) {  // ranges are those of the data, which others may leave
    allowed = std::numeric_limits<double>::infinity();
  }
  if (options.int8_dynamic) {
    allowed = std::max(allowed, 0.25);
  }
  if (options.int4) {
    allowed = std::max(allowed, 1.0);
  }
  return allowed;
}

}  // namespace temper::graph
