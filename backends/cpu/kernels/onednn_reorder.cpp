// Reorder: any layout to any other of the same dtype. oneDNN keeps the padding of the target zero.
#include "backends/cpu/onednn_kernel.h"

namespace temper::cpu {
namespace {

struct ReorderPlan {
  Desc from, to;
  dnnl::reorder::primitive_desc pd;
  int threads = 1;
};

// oneDNN 2.6 writes instructions for every element of a plane where the channels do not fill their
// block: 16 bytes for each.
bool code_grows(const TensorSpec& spec) {
  constexpr std::int64_t kLargestPlane = 1 << 20;
  return spec.shape.rank() > 2 && spec.shape.count(2, spec.shape.rank()) > kLargestPlane &&
         has_padding(spec.shape, spec.layout);
}

std::string plan_reorder(const OpQuery& query, ReorderPlan& plan) {
  const TensorSpec& x = query.inputs[0];
  const TensorSpec& y = query.outputs[0];
  if (x.dtype != y.dtype || !has_data_type(x.dtype)) {
    return concat("oneDNN does not convert ", x.dtype, " to ", y.dtype);
  }
  if (std::string reason = refuse_size(x.shape); !reason.empty()) {
    return reason;
  }
  if (is_in_sample_blocks(x.shape, x.layout) || is_in_sample_blocks(y.shape, y.layout)) {
    return "strided copies are faster for samples in blocks";
  }
  if (code_grows(x) || code_grows(y)) {
    return "the library's code would grow with the plane";
  }
  plan.threads = threads_for_elements(query.threads, y.shape.element_count());
  const ThreadCountScope scope(plan.threads);
  try {
    plan.from = descriptor(x);
    plan.to = descriptor(y);
    plan.pd = dnnl::reorder::primitive_desc(engine(), plan.from, engine(), plan.to,
                                            make_attributes(), true);
  } catch (const std::exception& error) {
    return concat("oneDNN: ", error.what());
  }
  return refusal_of(plan.pd);
}

std::unique_ptr<Kernel> prepare_reorder(const OpQuery& query, const ReorderPlan& plan) {
  auto kernel = std::make_unique<OneDnnKernel>(plan.threads);
  OneDnnCall& call = kernel->call<dnnl::reorder>(plan.pd);
  call.add(DNNL_ARG_FROM, plan.from, Place::input(0));
  call.add(DNNL_ARG_TO, plan.to, Place::output(0));
  kernel->input_layouts = {query.inputs[0].layout};
  kernel->output_layouts = {query.outputs[0].layout};
  return kernel;
}

}  // namespace

void register_onednn_reorder(KernelTable& table) {
  add_planned<ReorderPlan>(table, "Reorder", plan_reorder, prepare_reorder);
}

}  // namespace temper::cpu
