// ConvGradData and ConvGradWeights: the two gradients of a direct convolution, f32 or
// bf16 (whose dw and db may be f32).
#include <functional>

#include "backends/cpu/onednn_bias_gradient.h"
#include "backends/cpu/onednn_conv_geometry.h"
#include "backends/cpu/onednn_kernel.h"

namespace temper::cpu {
namespace {

using Forward = dnnl::convolution_forward;
using BackwardData = dnnl::convolution_backward_data;
using BackwardWeights = dnnl::convolution_backward_weights;

Forward::primitive_desc hint_for(const ConvGeometry& g, const Desc& bias, DType type) {
  return make_descriptor<Forward>(make_attributes(), dnnl::prop_kind::forward_training,
                                  dnnl::algorithm::convolution_direct, any_descriptor(g.x, type),
                                  any_descriptor(g.w, type), bias, any_descriptor(g.y, type),
                                  g.strides, g.dilations, g.pads_begin, g.pads_end);
}

// The layouts to ask for, in order of preference; the first that generated code serves is taken,
// else the best of the others.
template <class PD, class Choices, class Make>
PD best_of(const Choices& choices, const Make& make) {
  PD best;
  int best_quality = 0;
  for (const auto& choice : choices) {
    PD pd = make(choice);
    const int quality = quality_of(pd);
    if (quality > best_quality) {
      best = std::move(pd);
      best_quality = quality;
    }
    if (best_quality == 2) {
      break;
    }
  }
  return best;
}

struct DataPlan {
  ConvGeometry geometry;
  DType type = DType::kFloat32;
  BackwardData::primitive_desc pd;
  int threads = 1;
};

std::string plan_data(const OpQuery& query, DataPlan& plan) {
  std::string reason = refuse_product(query, plan.type);
  if (reason.empty()) {
    reason = read_conv(*query.attrs, query.outputs[0].shape, query.inputs[0].shape,
                       query.inputs[1].shape, plan.geometry);
  }
  if (reason.empty()) {
    reason = refuse_few_channels(plan.type, *query.attrs, query.outputs[0].shape,
                                 query.inputs[0].shape, query.inputs[1].shape);
  }
  if (reason.empty()) {
    reason = refuse_slow_product(plan.type, plan.geometry.flops(), plan.geometry.elements());
  }
  if (!reason.empty()) {
    return reason;
  }
  const ConvGeometry& g = plan.geometry;
  plan.threads = threads_for_flops(query.threads, g.flops());
  const ThreadCountScope scope(plan.threads);
  const auto hint = hint_for(g, Desc(), plan.type);
  if (!hint) {
    return "oneDNN has no forward implementation";
  }
  std::vector<Desc> dys;
  if (!query.inputs[1].layout.plain) {
    dys.push_back(descriptor(query.inputs[1]));
  }
  dys.push_back(any_descriptor(g.y, plan.type));
  plan.pd = best_of<BackwardData::primitive_desc>(dys, [&](const Desc& dy) {
    return make_gradient_descriptor<BackwardData>(
        make_attributes(), hint, dnnl::algorithm::convolution_direct,
        any_descriptor(g.x, query.outputs[0].dtype), any_descriptor(g.w, plan.type), dy, g.strides,
        g.dilations, g.pads_begin, g.pads_end);
  });
  return refusal_of(plan.pd);
}

std::unique_ptr<Kernel> prepare_data(const OpQuery&, const DataPlan& plan) {
  auto kernel = std::make_unique<OneDnnKernel>(plan.threads);
  kernel->description = plan.pd.impl_info_str();
  const Desc weights = plan.pd.weights_desc();
  const auto layout = weights_layout(plan.geometry, weights);
  Place weights_place = Place::input(0);
  if (!layout) {
    weights_place = kernel->reserve(weights.get_size());
    kernel->reorder(plain_descriptor(plan.geometry.w, plan.type), Place::input(0), weights,
                    weights_place);
  }
  kernel->input_layouts = {layout.value_or(Layout{}), layout_of(plan.pd.diff_dst_desc())};
  kernel->output_layouts = {layout_of(plan.pd.diff_src_desc())};
  OneDnnCall& call = kernel->call<BackwardData>(plan.pd);
  call.add(DNNL_ARG_WEIGHTS, weights, weights_place);
  call.add(DNNL_ARG_DIFF_DST, plan.pd.diff_dst_desc(), Place::input(1));
  call.add(DNNL_ARG_DIFF_SRC, plan.pd.diff_src_desc(), Place::output(0));
  return kernel;
}

struct WeightsPlan {
  ConvGeometry geometry;
  DType type = DType::kFloat32;          // of x and dy
  DType weights_type = DType::kFloat32;  // of dw and db
  BackwardWeights::primitive_desc pd;
  int threads = 1;
  bool bias = false;
};

struct WeightsChoice {
  Desc x, dw, dy;
};

// dw as given saves a reorder of the gradient, x and dy as they come save larger ones.
std::vector<WeightsChoice> weights_choices(const OpQuery& query, const WeightsPlan& plan) {
  const ConvGeometry& g = plan.geometry;
  const Desc any_x = any_descriptor(g.x, plan.type), any_y = any_descriptor(g.y, plan.type);
  const Desc any_w = any_descriptor(g.w, plan.weights_type);
  const TensorSpec& dw_spec = query.outputs[0];
  std::optional<Desc> dw;
  if (!dw_spec.layout_free && !dw_spec.layout.plain) {
    dw = weights_descriptor(g, dw_spec.layout, plan.weights_type);
  }
  const bool x_fixed = !query.inputs[0].layout.plain, dy_fixed = !query.inputs[1].layout.plain;
  const Desc x = x_fixed ? descriptor(query.inputs[0]) : any_x;
  const Desc dy = dy_fixed ? descriptor(query.inputs[1]) : any_y;
  std::vector<WeightsChoice> choices;
  if (dw) {
    choices.push_back({x, *dw, dy});
  }
  choices.push_back({x, any_w, dy});
  if (dw) {
    choices.push_back({any_x, *dw, any_y});
  }
  choices.push_back({any_x, any_w, any_y});
  return choices;
}

std::string plan_weights(const OpQuery& query, WeightsPlan& plan) {
  std::string reason = refuse_product(query, plan.type);
  if (reason.empty() && !query.outputs[0].present()) {
    reason = "without dw there is nothing for a convolution to do";
  }
  if (reason.empty()) {
    reason = read_conv(*query.attrs, query.inputs[0].shape, query.outputs[0].shape,
                       query.inputs[1].shape, plan.geometry);
  }
  if (reason.empty()) {
    reason = refuse_few_channels(plan.type, *query.attrs, query.inputs[0].shape,
                                 query.outputs[0].shape, query.inputs[1].shape);
  }
  if (reason.empty()) {
    reason = refuse_slow_product(plan.type, plan.geometry.flops(), plan.geometry.elements());
  }
  if (!reason.empty()) {
    return reason;
  }
  const ConvGeometry& g = plan.geometry;
  plan.bias = query.outputs.size() > 1 && query.outputs[1].present();
  plan.threads = threads_for_flops(query.threads, g.flops());
  const ThreadCountScope scope(plan.threads);
  plan.weights_type = query.outputs[0].dtype;
  const Desc bias = plan.bias ? plain_descriptor({g.y[1]}, query.outputs[1].dtype) : Desc();
  const auto hint = hint_for(g, bias, plan.type);
  if (!hint) {
    return "oneDNN has no forward implementation";
  }
  plan.pd = best_of<BackwardWeights::primitive_desc>(
      weights_choices(query, plan), [&](const WeightsChoice& choice) {
        return make_gradient_descriptor<BackwardWeights>(
            make_attributes(), hint, dnnl::algorithm::convolution_direct, choice.x, choice.dw, bias,
            choice.dy, g.strides, g.dilations, g.pads_begin, g.pads_end);
      });
  return refusal_of(plan.pd);
}

std::unique_ptr<Kernel> prepare_weights(const OpQuery& query, const WeightsPlan& plan) {
  const TensorSpec& dy = query.inputs[1];
  auto kernel = std::make_unique<WeightsGradKernel>(
      plan.threads, plan.bias ? bias_groups(dy.shape, dy.dtype, layout_of(plan.pd.diff_dst_desc()))
                              : std::nullopt);
  const Desc dw = plan.pd.diff_weights_desc();
  const auto layout = weights_layout(plan.geometry, dw);
  const Place place = layout ? Place::output(0) : kernel->reserve(dw.get_size());
  kernel->input_layouts = {layout_of(plan.pd.src_desc()), layout_of(plan.pd.diff_dst_desc())};
  kernel->output_layouts.resize(query.outputs.size());
  kernel->output_layouts[0] = layout.value_or(Layout{});
  OneDnnCall& call = kernel->call<BackwardWeights>(plan.pd);
  call.add(DNNL_ARG_SRC, plan.pd.src_desc(), Place::input(0));
  call.add(DNNL_ARG_DIFF_DST, plan.pd.diff_dst_desc(), Place::input(1));
  call.add(DNNL_ARG_DIFF_WEIGHTS, dw, place);
  if (plan.bias) {
    call.add(DNNL_ARG_DIFF_BIAS, plan.pd.diff_bias_desc(), Place::output(1));
  }
  if (!layout) {
    kernel->reorder(dw, place, plain_descriptor(plan.geometry.w, plan.weights_type),
                    Place::output(0));
  }
  return kernel;
}

SmallQuery shrink_data(const OpQuery& query) {
  SmallQuery small{*query.attrs, query};
  auto& inputs = small.query.inputs;
  shrink_conv(small.attrs, {&small.query.outputs[0], &inputs[0], &inputs[1], nullptr});
  return small;
}

SmallQuery shrink_weights(const OpQuery& query) {
  SmallQuery small{*query.attrs, query};
  auto &inputs = small.query.inputs, &outputs = small.query.outputs;
  TensorSpec* const bias = has_output(query, 1) ? &outputs[1] : nullptr;
  shrink_conv(small.attrs, {&inputs[0], &outputs[0], &inputs[1], bias});
  return small;
}

}  // namespace

void register_onednn_conv_grad(KernelTable& table) {
  add_checked<DataPlan>(table, "ConvGradData", plan_data, prepare_data, shrink_data);
  add_checked<WeightsPlan>(table, "ConvGradWeights", plan_weights, prepare_weights, shrink_weights);
}

}  // namespace temper::cpu
