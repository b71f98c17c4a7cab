// Conv and its two gradients in f32 for few channels, 16 samples side by side: the library's
// kernels have channels side by side, and lanes without one compute all the same.
#include "backends/cpu/lane_conv.h"

#include "backends/cpu/parallel.h"
#include "backends/cpu/refusals.h"
#include "backends/cpu/tensor_layouts.h"
#include "runtime/backend/kernel_table.h"

namespace temper::cpu {
namespace {

constexpr const char* kDescription = "vector over samples";

int threads_of(const ConvPlan& plan, int threads) {
  const double flops = 2.0 * static_cast<double>(plan.batch * plan.out_channels()) *
                       static_cast<double>(plan.out_plane()) *
                       static_cast<double>(plan.group_in * plan.window.kernel_elements());
  return threads_for_flops(threads, flops);
}

Support support(const OpQuery& query, const Shape& x, const Shape& w, const Shape& y) {
  if (x.rank() < 3 || x.rank() > 5) {
    return Support::no("not one or two spatial dimensions");
  }
  const std::string reason = refuse_dtypes(query);
  return support_from(reason.empty() ? refuse_lane_conv(plan_conv(*query.attrs, x, w, y)) : reason);
}

Support supports_forward(const OpQuery& query) {
  return support(query, query.inputs[0].shape, query.inputs[1].shape, query.outputs[0].shape);
}

std::unique_ptr<Kernel> prepare_forward(const OpQuery& query) {
  const Shape &x = query.inputs[0].shape, &y = query.outputs[0].shape;
  const ConvPlan plan = plan_conv(*query.attrs, x, query.inputs[1].shape, y);
  const LaneConv conv(plan, LanePass::kForward, threads_of(plan, query.threads));
  const bool bias = has_input(query, 2);
  auto kernel = make_kernel([conv, bias](const KernelArgs& args) {
    conv.forward(static_cast<const float*>(args.inputs[0]),
                 static_cast<const float*>(args.inputs[1]),
                 bias ? static_cast<const float*>(args.inputs[2]) : nullptr,
                 static_cast<float*>(args.outputs[0]), static_cast<float*>(args.workspace));
  });
  kernel->workspace_bytes = conv.workspace_bytes();
  kernel->kept_bytes = conv.kept_bytes();
  kernel->input_layouts.resize(query.inputs.size());
  kernel->input_layouts[0] = sample_blocks(x);
  kernel->output_layouts = {sample_blocks(y)};
  kernel->description = kDescription;
  return kernel;
}

// inputs: w, dy
Support supports_data(const OpQuery& query) {
  return support(query, query.outputs[0].shape, query.inputs[0].shape, query.inputs[1].shape);
}

std::unique_ptr<Kernel> prepare_data(const OpQuery& query) {
  const Shape &x = query.outputs[0].shape, &dy = query.inputs[1].shape;
  const ConvPlan plan = plan_conv(*query.attrs, x, query.inputs[0].shape, dy);
  const LaneConv conv(plan, LanePass::kData, threads_of(plan, query.threads));
  auto kernel = make_kernel([conv](const KernelArgs& args) {
    conv.data_gradient(static_cast<const float*>(args.inputs[0]),
                       static_cast<const float*>(args.inputs[1]),
                       static_cast<float*>(args.outputs[0]), static_cast<float*>(args.workspace));
  });
  kernel->workspace_bytes = conv.workspace_bytes();
  kernel->kept_bytes = conv.kept_bytes();
  kernel->input_layouts = {Layout{}, sample_blocks(dy)};
  kernel->output_layouts = {sample_blocks(x)};
  kernel->description = kDescription;
  return kernel;
}

// inputs: x, dy; outputs: dw, db
Support supports_weights(const OpQuery& query) {
  return has_output(query, 0)
             ? support(query, query.inputs[0].shape, query.outputs[0].shape, query.inputs[1].shape)
             : Support::no("without dw there is nothing for a convolution to do");
}

std::unique_ptr<Kernel> prepare_weights(const OpQuery& query) {
  const Shape &x = query.inputs[0].shape, &dy = query.inputs[1].shape;
  const ConvPlan plan = plan_conv(*query.attrs, x, query.outputs[0].shape, dy);
  const LaneConv conv(plan, LanePass::kWeights, threads_of(plan, query.threads));
  const bool bias = has_output(query, 1);
  auto kernel = make_kernel([conv, bias](const KernelArgs& args) {
    const auto* gradient = static_cast<const float*>(args.inputs[1]);
    conv.weights_gradient(static_cast<const float*>(args.inputs[0]), gradient,
                          static_cast<float*>(args.outputs[0]),
                          static_cast<float*>(args.workspace));
    if (bias) {
      conv.bias_gradient(gradient, static_cast<float*>(args.outputs[1]));
    }
  });
  kernel->workspace_bytes = conv.workspace_bytes();
  kernel->kept_bytes = conv.kept_bytes();
  kernel->input_layouts = {sample_blocks(x), sample_blocks(dy)};
  kernel->output_layouts.resize(query.outputs.size());
  kernel->description = kDescription;
  return kernel;
}

}  // namespace

void register_lane_conv(KernelTable& table) {
  table.add("Conv", "cpu", supports_forward, prepare_forward);
  table.add("ConvGradData", "cpu", supports_data, prepare_data);
  table.add("ConvGradWeights", "cpu", supports_weights, prepare_weights);
}

}  // namespace temper::cpu
