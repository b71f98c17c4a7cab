// Clipping by the global norm: the norm of several gradients together, and the factor that scales
// them down.
#include "graph/ir/infer_context.h"
#include "graph/ir/op_registry.h"

namespace temper::graph {
namespace {

void infer_global_norm(InferContext& c) {
  for (int i = 0; i < c.input_count(); ++i) {
    c.check(is_float(c.dtype(i)), "input ", i, " is ", c.dtype(i), ", expected a float type");
    c.require_same_dtype({0, i});
  }
  c.set_output(0, c.dtype(0), Shape{});
}

void infer_clip_factor(InferContext& c) {
  c.check(c.shape(0) == Shape{}, "the norm has the shape ", c.shape(0), ", expected a scalar");
  const double max_norm = c.attrs().get_double("max_norm", 0);
  TEMPER_CHECK(max_norm > 0, ErrorCode::kInvalidArgument, "max_norm is ", max_norm,
               ", expected a positive number");
  c.attrs().set("max_norm", max_norm);
  c.set_output(0, c.dtype(0), Shape{});
}

}  // namespace

void register_gradient_clip(OpRegistry& ops) {
  ops.add("GlobalNorm")
      .inputs(1, -1)
      .infer(infer_global_norm)
      .no_gradient("it reads gradients: second derivatives are not supported")
      .precision(PrecisionClass::kFloat32)
      .internal();
  ops.add("ClipFactor")
      .infer(infer_clip_factor)
      .no_gradient("it reads gradients: second derivatives are not supported")
      .precision(PrecisionClass::kFloat32)
      .internal();
}

}  // namespace temper::graph
