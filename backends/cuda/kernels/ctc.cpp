// CtcLoss and its gradient.
#include "backends/cuda/kernels/ctc.h"

#include "backends/cuda/kernel_rows.h"

namespace temper::cuda {
namespace {

struct CtcPlan {
  CtcShape shape{};
  bool has_lengths = false;

  explicit CtcPlan(const OpQuery& query) {
    const Shape& scores = query.inputs[0].shape;
    shape.batch = scores[0];
    shape.frames = scores[1];
    shape.classes = scores[2];
    shape.labels = query.inputs[1].shape[1];
    shape.blank = query.attrs->get_int("blank", 0);
    shape.zero_infinity = query.attrs->get_int("zero_infinity", 0) != 0;
    shape.narrow = query.inputs[1].dtype == DType::kInt32;
    has_lengths = has_input(query, 2);
  }
  CtcTensors tensors(const KernelArgs& args) const {
    return {input<float>(args, 0), args.inputs[1], has_lengths ? args.inputs[2] : nullptr};
  }
};

// Labels and lengths are integers.
Support supports(const OpQuery& query) {
  const DType dtype = query.inputs[0].dtype;
  return dtype == DType::kFloat32 ? Support::yes() : Support::no(concat("only f32, not ", dtype));
}

std::unique_ptr<Kernel> prepare(const OpQuery& query) {
  const CtcPlan plan(query);
  auto kernel = make_kernel([plan](const KernelArgs& args) {
    ctc_loss(plan.shape, plan.tensors(args), output<float>(args, 0),
             static_cast<double*>(args.workspace), handle_of(args.stream));
  });
  kernel->workspace_bytes =
      static_cast<std::size_t>(plan.shape.batch * plan.shape.loss_doubles()) * sizeof(double);
  return kernel;
}

std::unique_ptr<Kernel> prepare_grad(const OpQuery& query) {
  const CtcPlan plan(query);
  auto kernel = make_kernel([plan](const KernelArgs& args) {
    ctc_loss_grad(plan.shape, plan.tensors(args), input<float>(args, 3), output<float>(args, 0),
                  static_cast<double*>(args.workspace), handle_of(args.stream));
  });
  kernel->workspace_bytes =
      static_cast<std::size_t>(plan.shape.batch * plan.shape.grad_doubles()) * sizeof(double);
  return kernel;
}

}  // namespace

void register_ctc(KernelTable& table) {
  add_row(table, "CtcLoss", supports, prepare);
  add_row(table, "CtcLossGrad", supports, prepare_grad);
}

}  // namespace temper::cuda
