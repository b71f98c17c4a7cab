// LinearGradWeights(x [M,K], dy [M,N]) -> dw, db: an inner product's weight gradient, f32 or bf16
// (whose dw and db may be f32). Of many rows in f32: a plain product.
#include "backends/cpu/library_product.h"
#include "backends/cpu/onednn_bias_gradient.h"
#include "backends/cpu/onednn_kernel.h"
#include "backends/cpu/reduce_loops.h"

namespace temper::cpu {
namespace {

using Forward = dnnl::inner_product_forward;
using BackwardWeights = dnnl::inner_product_backward_weights;

struct GradPlan {
  BackwardWeights::primitive_desc pd;
  bool transposed = false;  // dw is [N,K], oneDNN's own order
  bool bias = false;
  int threads = 1;
};

Desc as_weights(const Desc& dw, bool transposed) {
  return transposed ? dw : dw.permute_axes({1, 0});
}

std::string plan_gradient(const OpQuery& query, GradPlan& plan) {
  DType type = DType::kFloat32;
  std::string reason = refuse_product(query, type);
  if (reason.empty() && !query.outputs[0].present()) {
    reason = "without dw there is nothing for an inner product to do";
  }
  if (!reason.empty()) {
    return reason;
  }
  const std::int64_t m = query.inputs[0].shape[0], k = query.inputs[0].shape[1],
                     n = query.inputs[1].shape[1];
  plan.transposed = query.attrs->get_int("trans_w", 0) != 0;
  plan.bias = query.outputs.size() > 1 && query.outputs[1].present();
  const double flops =
      2.0 * static_cast<double>(m) * static_cast<double>(k) * static_cast<double>(n);
  reason = refuse_slow_product(type, flops, static_cast<double>(m * k + m * n + k * n));
  if (!reason.empty()) {
    return reason;
  }
  plan.threads = threads_for_flops(query.threads, flops);
  const ThreadCountScope scope(plan.threads);
  const DType weights_type = query.outputs[0].dtype;
  const Desc x = plain_descriptor({m, k}, type), dy = plain_descriptor({m, n}, type);
  const Desc bias = plan.bias ? plain_descriptor({n}, query.outputs[1].dtype) : Desc();
  const Desc any = any_descriptor({n, k}, weights_type);
  const auto hint = make_descriptor<Forward>(make_attributes(), dnnl::prop_kind::forward_training,
                                             x, any_descriptor({n, k}, type), bias, dy);
  if (!hint) {
    return "oneDNN has no forward implementation";
  }
  std::vector<Desc> choices;
  const TensorSpec& dw = query.outputs[0];
  if (!dw.layout_free) {
    choices.push_back(as_weights(descriptor(dw), plan.transposed));
  }
  choices.push_back(any);
  for (const Desc& choice : choices) {
    plan.pd =
        make_gradient_descriptor<BackwardWeights>(make_attributes(), hint, x, choice, bias, dy);
    if (quality_of(plan.pd) > 0 && has_layout(plan.pd.diff_weights_desc())) {
      return {};
    }
  }
  reason = refusal_of(plan.pd);
  return reason.empty() ? std::string("oneDNN's layout is its own secret") : reason;
}

std::unique_ptr<Kernel> prepare_gradient(const OpQuery& query, const GradPlan& plan) {
  const auto& pd = plan.pd;
  const TensorSpec& dy = query.inputs[1];
  auto kernel = std::make_unique<WeightsGradKernel>(
      plan.threads,
      plan.bias ? bias_groups(dy.shape, dy.dtype, layout_of(pd.diff_dst_desc())) : std::nullopt);
  kernel->input_layouts.resize(query.inputs.size());
  kernel->output_layouts.resize(query.outputs.size());
  kernel->output_layouts[0] = layout_of(as_weights(pd.diff_weights_desc(), plan.transposed));
  OneDnnCall& call = kernel->call<BackwardWeights>(pd);
  call.add(DNNL_ARG_SRC, pd.src_desc(), Place::input(0));
  call.add(DNNL_ARG_DIFF_DST, pd.diff_dst_desc(), Place::input(1));
  call.add(DNNL_ARG_DIFF_WEIGHTS, pd.diff_weights_desc(), Place::output(0));
  if (plan.bias) {
    call.add(DNNL_ARG_DIFF_BIAS, pd.diff_bias_desc(), Place::output(1));
  }
  return kernel;
}

struct PlainGrad {
  std::int64_t m = 0, n = 0, k = 0;
  bool transposed = false, bias = false;
  int threads = 1;
};

std::string plan_plain_gradient(const OpQuery& query, PlainGrad& plan) {
  DType type = DType::kFloat32;
  std::string reason = refuse_product(query, type);
  const TensorSpec& dw = query.outputs[0];
  if (reason.empty() && (type != DType::kFloat32 || !dw.present())) {
    reason = concat("only dw in f32");
  }
  if (!reason.empty()) {
    return reason;
  }
  plan.m = query.inputs[0].shape[0];
  plan.k = query.inputs[0].shape[1];
  plan.n = query.inputs[1].shape[1];
  if (plan.m < kPlainWeightRows || !(dw.layout_free || dw.layout.plain)) {
    return "few rows, or a packed weight";
  }
  plan.transposed = query.attrs->get_int("trans_w", 0) != 0;
  plan.bias = query.outputs.size() > 1 && query.outputs[1].present();
  plan.threads = threads_for_flops(query.threads, 2.0 * static_cast<double>(plan.m) *
                                                      static_cast<double>(plan.k) *
                                                      static_cast<double>(plan.n));
  return {};
}

// dw = dy^T x, or x^T dy; db = the sum of dy's rows
std::unique_ptr<Kernel> prepare_plain_gradient(const OpQuery&, const PlainGrad& p) {
  auto kernel = make_kernel([p](const KernelArgs& args) {
    const auto* x = static_cast<const float*>(args.inputs[0]);
    const auto* dy = static_cast<const float*>(args.inputs[1]);
    auto* dw = static_cast<float*>(args.outputs[0]);
    if (p.transposed) {
      run_product(p.threads, {p.n, p.k, p.m, true, false, dy, p.n, x, p.k, 1, 0, dw, p.k});
    } else {
      run_product(p.threads, {p.k, p.n, p.m, true, false, x, p.k, dy, p.n, 1, 0, dw, p.n});
    }
    if (p.bias) {
      sum_rows(p.threads, dy, p.n, p.m, p.n, static_cast<float*>(args.outputs[1]));
    }
  });
  kernel->description = "sgemm";
  return kernel;
}

}  // namespace

void register_onednn_linear_grad(KernelTable& table) {
  add_planned<PlainGrad>(table, "LinearGradWeights", plan_plain_gradient, prepare_plain_gradient);
  add_checked<GradPlan>(table, "LinearGradWeights", plan_gradient, prepare_gradient, with_few_rows);
}

}  // namespace temper::cpu
