// BatchNormTrain with an optional fused ReLU, and its gradient, f32. Running statistics are a few
// lines of our own: new = old * momentum + batch * (1 - momentum).
#include "backends/cpu/onednn_kernel.h"

namespace temper::cpu {
namespace {

using Forward = dnnl::batch_normalization_forward;
using Backward = dnnl::batch_normalization_backward;
using dnnl::normalization_flags;

// Inputs and outputs of the ops, by OPS order.
enum ForwardInput { kX, kScale, kBias, kMean, kVar };
enum ForwardOutput { kY, kNewMean, kNewVar, kBatchMean, kBatchVar, kSaved };
enum GradInput { kGradDy, kGradX, kGradScale, kGradBias, kGradMean, kGradVar, kGradSaved };
enum GradOutput { kDx, kDScale, kDBias };

bool has(const std::vector<TensorSpec>& specs, int i) {
  const auto index = static_cast<std::size_t>(i);
  return index < specs.size() && specs[index].present();
}

Place input(int i) { return Place::input(static_cast<std::size_t>(i)); }
Place output(int i) { return Place::output(static_cast<std::size_t>(i)); }

struct NormPlan {
  Layout layout;
  Shape shape;
  bool relu = false;
  Forward::primitive_desc forward;
  Backward::primitive_desc backward;
  int threads = 1;
};

normalization_flags flags_of(bool relu) {
  // Both flags always, as ONNX has both.
  const auto flags = normalization_flags::use_scale | normalization_flags::use_shift;
  return relu ? flags | normalization_flags::fuse_norm_relu : flags;
}

Forward::primitive_desc make_forward(const Desc& x, float epsilon, bool relu) {
#if DNNL_VERSION_MAJOR >= 3
  return make_descriptor<Forward>(make_attributes(), dnnl::prop_kind::forward_training, x, x,
                                  epsilon, flags_of(relu));
#else
  return make_descriptor<Forward>(make_attributes(), dnnl::prop_kind::forward_training, x, epsilon,
                                  flags_of(relu));
#endif
}

Backward::primitive_desc make_backward(const Desc& x, float epsilon, bool relu,
                                       const Forward::primitive_desc& hint) {
#if DNNL_VERSION_MAJOR >= 3
  return make_gradient_descriptor<Backward>(make_attributes(), hint, dnnl::prop_kind::backward, x,
                                            x, x, epsilon, flags_of(relu));
#else
  return make_gradient_descriptor<Backward>(make_attributes(), hint, dnnl::prop_kind::backward, x,
                                            x, epsilon, flags_of(relu));
#endif
}

// Fills the plan for x in the layout that comes, or with channels in blocks where plain would be
// slow.
std::string choose(const OpQuery& query, const TensorSpec& x, NormPlan& plan) {
  std::string reason = refuse_dtypes(query);
  if (!reason.empty()) {
    return reason;
  }
  if (x.shape.rank() < 2 || x.shape.rank() > 5) {
    return concat("oneDNN normalises ranks 2 to 5, not ", x.shape.rank());
  }
  plan.shape = x.shape;
  plan.relu = query.attrs->get_int("relu", 0) != 0;
  plan.threads = threads_for_elements(query.threads, x.shape.element_count());
  const auto epsilon = static_cast<float>(query.attrs->get_double("epsilon", 1e-5));
  const bool block = x.layout.plain && x.shape.rank() >= 3 && x.shape[1] >= 8;
  plan.layout = block ? channel_blocked(x.shape) : x.layout;
  const ThreadCountScope scope(plan.threads);
  const Desc desc = descriptor(DType::kFloat32, x.shape, plan.layout);
  plan.forward = make_forward(desc, epsilon, plan.relu);
  reason = refusal_of(plan.forward);
  if (reason.empty()) {
    plan.backward = make_backward(desc, epsilon, plan.relu, plan.forward);
    reason = refusal_of(plan.backward);
  }
  return reason;
}

class BatchNormKernel final : public OneDnnKernel {
 public:
  BatchNormKernel(const OpQuery& query, const NormPlan& plan)
      : OneDnnKernel(plan.threads), plan_(plan) {
    const double count =
        static_cast<double>(plan.shape.element_count()) / static_cast<double>(plan.shape[1]);
    momentum_ = query.attrs->get_double("momentum", 0.9);
    const bool unbiased = query.attrs->get_int("unbiased", 0) != 0 && count > 1;
    variance_factor_ = unbiased ? count / (count - 1) : 1.0;
    new_mean_ = has(query.outputs, kNewMean);
    new_var_ = has(query.outputs, kNewVar);
  }

  const NormPlan& plan() const { return plan_; }

  void run(const KernelArgs& args) override {
    OneDnnKernel::run(args);
    if (new_mean_) {
      advance(args, kMean, mean_place, kNewMean, 1.0);
    }
    if (new_var_) {
      advance(args, kVar, var_place, kNewVar, variance_factor_);
    }
  }

  Place mean_place, var_place;

 private:
  void advance(const KernelArgs& args, int old, Place batch, int target, double factor) const {
    const auto* before = static_cast<const float*>(args.inputs[old]);
    const auto* now = static_cast<const float*>(batch.address(args));
    auto* out = static_cast<float*>(args.outputs[target]);
    for (std::int64_t c = 0; c < plan_.shape[1]; ++c) {
      out[c] = static_cast<float>(before[c] * momentum_ + now[c] * factor * (1.0 - momentum_));
    }
  }

  NormPlan plan_;
  double momentum_ = 0;
  double variance_factor_ = 1;
  bool new_mean_ = false, new_var_ = false;
};

std::string plan_forward(const OpQuery& query, NormPlan& plan) {
  return choose(query, query.inputs[kX], plan);
}

std::unique_ptr<Kernel> prepare_forward(const OpQuery& query, const NormPlan& plan) {
  auto kernel = std::make_unique<BatchNormKernel>(query, plan);
  const Desc channels = plain_descriptor({plan.shape[1]});
  kernel->input_layouts.resize(query.inputs.size());
  kernel->input_layouts[kX] = plan.layout;
  kernel->output_layouts.resize(query.outputs.size());
  kernel->output_layouts[kY] = plan.layout;
  kernel->mean_place =
      has(query.outputs, kBatchMean) ? output(kBatchMean) : kernel->reserve(channels.get_size());
  kernel->var_place =
      has(query.outputs, kBatchVar) ? output(kBatchVar) : kernel->reserve(channels.get_size());
  Place workspace;
  const Desc workspace_desc = plan.forward.workspace_desc();
  if (plan.relu) {
    if (has(query.outputs, kSaved)) {
      workspace = output(kSaved);
    } else {
      workspace = kernel->reserve(workspace_desc.get_size());
    }
  }
  if (has(query.outputs, kSaved)) {
    kernel->opaque_bytes.assign(query.outputs.size(), 0);
    kernel->opaque_bytes[kSaved] = plan.relu ? workspace_desc.get_size() : 0;
  }
  OneDnnCall& call = kernel->call<Forward>(plan.forward);
  call.add(DNNL_ARG_SRC, plan.forward.src_desc(), input(kX));
  call.add(DNNL_ARG_DST, plan.forward.dst_desc(), output(kY));
  call.add(DNNL_ARG_SCALE, channels, input(kScale));
  call.add(DNNL_ARG_SHIFT, channels, input(kBias));
  call.add(DNNL_ARG_MEAN, channels, kernel->mean_place);
  call.add(DNNL_ARG_VARIANCE, channels, kernel->var_place);
  if (plan.relu) {
    call.add(DNNL_ARG_WORKSPACE, workspace_desc, workspace);
  }
  return kernel;
}

std::string plan_gradient(const OpQuery& query, NormPlan& plan) {
  const bool saved = has(query.inputs, kGradSaved);
  if (query.attrs->get_int("relu", 0) != 0 || saved) {
    const auto* forward = dynamic_cast<const BatchNormKernel*>(query.forward);
    if (!saved || forward == nullptr) {
      return "the mask of the fused ReLU is not oneDNN's";
    }
    plan = forward->plan();
    return refuse_dtypes(query);
  }
  return choose(query, query.inputs[kGradX], plan);
}

std::unique_ptr<Kernel> prepare_gradient(const OpQuery& query, const NormPlan& plan) {
  auto kernel = std::make_unique<OneDnnKernel>(plan.threads);
  const Desc channels = plain_descriptor({plan.shape[1]});
  kernel->input_layouts.resize(query.inputs.size());
  kernel->input_layouts[kGradDy] = plan.layout;
  kernel->input_layouts[kGradX] = plan.layout;
  kernel->output_layouts.resize(query.outputs.size());
  if (has(query.outputs, kDx)) {
    kernel->output_layouts[kDx] = plan.layout;
  }
  const auto place = [&](int i, const Desc& desc) {
    return has(query.outputs, i) ? output(i) : kernel->reserve(desc.get_size());
  };
  const Desc x = plan.forward.src_desc();
  const Place dx = place(kDx, x), dscale = place(kDScale, channels),
              dbias = place(kDBias, channels);
  OneDnnCall& call = kernel->call<Backward>(plan.backward);
  call.add(DNNL_ARG_SRC, x, input(kGradX));
  call.add(DNNL_ARG_DIFF_DST, x, input(kGradDy));
  call.add(DNNL_ARG_MEAN, channels, input(kGradMean));
  call.add(DNNL_ARG_VARIANCE, channels, input(kGradVar));
  call.add(DNNL_ARG_SCALE, channels, input(kGradScale));
#if DNNL_VERSION_MAJOR < 3
  // 2.6.3 fails at execution without the shift, although the formula has no use for it; 3.x fails
  // with it.
  call.add(DNNL_ARG_SHIFT, channels, input(kGradBias));
#endif
  call.add(DNNL_ARG_DIFF_SRC, x, dx);
  call.add(DNNL_ARG_DIFF_SCALE, channels, dscale);
  call.add(DNNL_ARG_DIFF_SHIFT, channels, dbias);
  if (plan.relu) {
    call.add(DNNL_ARG_WORKSPACE, plan.forward.workspace_desc(), input(kGradSaved));
  }
  return kernel;
}

}  // namespace

void register_onednn_batch_norm(KernelTable& table) {
  add_planned<NormPlan>(table, "BatchNormTrain", plan_forward, prepare_forward);
  add_planned<NormPlan>(table, "BatchNormTrainGrad", plan_gradient, prepare_gradient);
}

}  // namespace temper::cpu
