// Softmax and LogSoftmax over one axis, f32, plain.
#include "backends/cpu/onednn_kernel.h"

namespace temper::cpu {
namespace {

#if DNNL_VERSION_MAJOR >= 3
using Forward = dnnl::softmax_forward;
#else
using Forward = dnnl::softmax_v2_forward;
#endif

struct SoftmaxPlan {
  Forward::primitive_desc pd;
  int threads = 1;
};

std::string plan_softmax(const OpQuery& query, SoftmaxPlan& plan) {
  const std::string reason = refuse_dtypes(query);
  if (!reason.empty()) {
    return reason;
  }
  const Shape& shape = query.inputs[0].shape;
  if (shape.rank() == 0) {
    return "a scalar has no axis";
  }
  const auto axis = static_cast<int>(query.attrs->get_int("axis", -1));
  plan.threads = threads_for_elements(query.threads, shape.element_count());
  const ThreadCountScope scope(plan.threads);
  const Desc desc = plain_descriptor(dims_of(shape));
  plan.pd = make_descriptor<Forward>(
      make_attributes(), dnnl::prop_kind::forward_inference,
      query.op == "LogSoftmax" ? dnnl::algorithm::softmax_log : dnnl::algorithm::softmax_accurate,
      desc, desc, axis < 0 ? axis + shape.rank() : axis);
  return refusal_of(plan.pd);
}

std::unique_ptr<Kernel> prepare_softmax(const OpQuery&, const SoftmaxPlan& plan) {
  auto kernel = std::make_unique<OneDnnKernel>(plan.threads);
  OneDnnCall& call = kernel->call<Forward>(plan.pd);
  call.add(DNNL_ARG_SRC, plan.pd.src_desc(), Place::input(0));
  call.add(DNNL_ARG_DST, plan.pd.dst_desc(), Place::output(0));
  kernel->inplace = {{0, 0}};
  return kernel;
}

}  // namespace

void register_onednn_softmax(KernelTable& table) {
  add_planned<SoftmaxPlan>(table, "Softmax", plan_softmax, prepare_softmax);
  add_planned<SoftmaxPlan>(table, "LogSoftmax", plan_softmax, prepare_softmax);
}

}  // namespace temper::cpu
