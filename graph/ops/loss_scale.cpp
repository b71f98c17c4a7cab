// LossScaleUpdate: the state machine of torch.amp.GradScaler.update(), once per optimizer step.
#include "graph/ir/infer_context.h"
#include "graph/ir/op_registry.h"

namespace temper::graph {
namespace {

// scale f32 [], growth_tracker i64 [], finite bool [] -> the scale and tracker of the next step:
//   not finite:  scale * backoff_factor, at least min_scale; 0
//   finite:      scale, tracker + 1; after growth_interval finite steps in a row scale *
//   growth_factor
//                where that is finite, and 0
// Source: torch/amp/grad_scaler.py, aten/src/ATen/native/cuda/AmpKernels.cu; min_scale is ours.
void infer_loss_scale_update(InferContext& c) {
  c.check(
      c.dtype(0) == DType::kFloat32 && c.dtype(1) == DType::kInt64 && c.dtype(2) == DType::kBool,
      "expected a scale in f32, a tracker in i64 and a bool, but they are ", c.dtype(0), ", ",
      c.dtype(1), ", ", c.dtype(2));
  for (const int i : {0, 1, 2}) {
    c.check(c.shape(i) == Shape{}, "input ", i, " has the shape ", c.shape(i),
            ", expected a scalar");
  }
  Attrs& attrs = c.attrs();
  attrs.set("growth_factor", attrs.get_double("growth_factor", 2.0));
  attrs.set("backoff_factor", attrs.get_double("backoff_factor", 0.5));
  attrs.set("growth_interval", attrs.get_int("growth_interval", 2000));
  attrs.set("min_scale", attrs.get_double("min_scale", 1.0));
  c.set_output(0, DType::kFloat32, Shape{});
  c.set_output(1, DType::kInt64, Shape{});
}

}  // namespace

void register_loss_scale(OpRegistry& ops) {
  ops.add("LossScaleUpdate")
      .inputs(3, 3)
      .outputs(2, 2)
      .infer(infer_loss_scale_update)
      .no_gradient("it counts steps")
      .precision(PrecisionClass::kFloat32)
      .internal();
}

}  // namespace temper::graph
