// Conv: direct convolution, f32 or bf16, bias and a fused ReLU; weights in the blocking the kernel
// likes best.
#include "backends/cpu/onednn_conv_geometry.h"
#include "backends/cpu/onednn_kernel.h"
#include "backends/cpu/onednn_settled_conv.h"

namespace temper::cpu {
namespace {

using Forward = dnnl::convolution_forward;

struct ConvPlan {
  ConvGeometry geometry;
  Forward::primitive_desc pd;
  DType type = DType::kFloat32;
  int threads = 1;
  bool bias = false;
};

Forward::primitive_desc try_conv(const ConvPlan& plan, const Rectifier& rectifier,
                                 const Desc& weights) {
  const ConvGeometry& g = plan.geometry;
  const Desc bias = plan.bias ? plain_descriptor({g.y[1]}, plan.type) : Desc();
  return make_descriptor<Forward>(
      rectified(rectifier), dnnl::prop_kind::forward_training, dnnl::algorithm::convolution_direct,
      any_descriptor(g.x, plan.type), weights, bias, any_descriptor(g.y, plan.type), g.strides,
      g.dilations, g.pads_begin, g.pads_end);
}

std::string plan_conv(const OpQuery& query, ConvPlan& plan) {
  std::string reason = refuse_product(query, plan.type);
  if (reason.empty()) {
    reason = read_conv(*query.attrs, query.inputs[0].shape, query.inputs[1].shape,
                       query.outputs[0].shape, plan.geometry);
  }
  if (reason.empty()) {
    reason = refuse_few_channels(plan.type, *query.attrs, query.inputs[0].shape,
                                 query.inputs[1].shape, query.outputs[0].shape);
  }
  if (reason.empty() && query.outputs[0].dtype != plan.type) {
    reason = "the output has another type";
  }
  if (reason.empty()) {
    reason = refuse_slow_product(plan.type, plan.geometry.flops(), plan.geometry.elements());
  }
  if (!reason.empty()) {
    return reason;
  }
  plan.bias = has_input(query, 2);
  plan.threads = threads_for_flops(query.threads, plan.geometry.flops());
  const ThreadCountScope scope(plan.threads);
  const Rectifier rectifier = rectifier_of(*query.attrs);
  const TensorSpec& weights = query.inputs[1];
  if (!weights.layout_free && !weights.layout.plain) {
    // Somebody chose this blocking (the training plan): taking it saves a reorder each step.
    if (const auto given = weights_descriptor(plan.geometry, weights.layout, plan.type)) {
      plan.pd = try_conv(plan, rectifier, *given);
      if (quality_of(plan.pd) == 2) {
        return {};
      }
    }
  }
  plan.pd = try_conv(plan, rectifier, any_descriptor(plan.geometry.w, plan.type));
  return refusal_of(plan.pd);
}

std::unique_ptr<Kernel> prepare_conv(const OpQuery& query, const ConvPlan& plan) {
  auto kernel = std::make_unique<OneDnnKernel>(plan.threads);
  kernel->description = plan.pd.impl_info_str();
  const Desc weights = plan.pd.weights_desc();
  const auto layout = weights_layout(plan.geometry, weights);
  Place weights_place = Place::input(1);
  if (!layout) {
    weights_place = kernel->reserve(weights.get_size());
    kernel->reorder(plain_descriptor(plan.geometry.w, plan.type), Place::input(1), weights,
                    weights_place);
  }
  kernel->input_layouts.resize(query.inputs.size());
  kernel->input_layouts[0] = layout_of(plan.pd.src_desc());
  kernel->input_layouts[1] = layout.value_or(Layout{});
  kernel->output_layouts = {layout_of(plan.pd.dst_desc())};
  OneDnnCall& call = kernel->call<Forward>(plan.pd);
  call.add(DNNL_ARG_SRC, plan.pd.src_desc(), Place::input(0));
  call.add(DNNL_ARG_WEIGHTS, weights, weights_place);
  if (plan.bias) {
    call.add(DNNL_ARG_BIAS, plan.pd.bias_desc(), Place::input(2));
  }
  call.add(DNNL_ARG_DST, plan.pd.dst_desc(), Place::output(0));
  return kernel;
}

SmallQuery shrink(const OpQuery& query) {
  SmallQuery small{*query.attrs, query};
  auto& inputs = small.query.inputs;
  TensorSpec* const bias = has_input(query, 2) ? &inputs[2] : nullptr;
  shrink_conv(small.attrs, {&inputs[0], &inputs[1], &small.query.outputs[0], bias});
  return small;
}

}  // namespace

void register_onednn_conv(KernelTable& table) {
  add_settled_conv_rows("Conv", table);
  add_checked<ConvPlan>(table, "Conv", plan_conv, prepare_conv, shrink);
}

}  // namespace temper::cpu
