// CrossEntropy and its gradient.
#include "backends/cuda/kernels/losses.h"

#include <string>

#include "backends/cuda/kernel_rows.h"

namespace temper::cuda {
namespace {

LossShape shape_of(const OpQuery& query, const Shape& logits, std::size_t labels) {
  const Attrs& attrs = *query.attrs;
  const std::string reduction = attrs.get_string("reduction", "mean");
  LossShape shape{};
  shape.batch = logits[0];
  shape.classes = logits[1];
  shape.plane = logits.count(2, logits.rank());
  shape.ignore_index = attrs.get_int("ignore_index", -100);
  shape.smoothing = static_cast<float>(attrs.get_double("label_smoothing", 0));
  shape.reduction = reduction == "mean"  ? LossReduction::kMean
                    : reduction == "sum" ? LossReduction::kSum
                                         : LossReduction::kNone;
  shape.narrow_labels = query.inputs[labels].dtype == DType::kInt32;
  return shape;
}

// Labels are integers, everything else f32.
Support supports(const OpQuery& query, std::size_t labels) {
  OpQuery floats = query;
  floats.inputs[labels] = {};
  return only_f32(floats);
}

std::unique_ptr<Kernel> prepare_loss(const OpQuery& query) {
  const LossShape shape = shape_of(query, query.inputs[0].shape, 1);
  const bool has_log = query.outputs.size() > 1;
  auto kernel =
      make_kernel([shape, has_log, weighted = query.inputs.size() > 2](const KernelArgs& args) {
        const LossTensors tensors{args.inputs[1], weighted ? input<float>(args, 2) : nullptr,
                                  fault_of(args)};
        cross_entropy(shape, tensors, input<float>(args, 0), output<float>(args, 0),
                      has_log ? output<float>(args, 1) : nullptr,
                      static_cast<double*>(args.workspace), handle_of(args.stream));
      });
  kernel->workspace_bytes = static_cast<std::size_t>(shape.rows()) * 2 * sizeof(double);
  return kernel;
}

std::unique_ptr<Kernel> prepare_loss_grad(const OpQuery& query) {
  const LossShape shape = shape_of(query, query.inputs[1].shape, 2);
  auto kernel = make_kernel([shape, weighted = query.inputs.size() > 3](const KernelArgs& args) {
    const LossTensors tensors{args.inputs[2], weighted ? input<float>(args, 3) : nullptr,
                              fault_of(args)};
    cross_entropy_grad(shape, tensors, input<float>(args, 0), input<float>(args, 1),
                       output<float>(args, 0), static_cast<double*>(args.workspace),
                       handle_of(args.stream));
  });
  kernel->workspace_bytes = 2 * sizeof(double);
  return kernel;
}

}  // namespace

void register_losses(KernelTable& table) {
  add_row(
      table, "CrossEntropy", [](const OpQuery& query) { return supports(query, 1); }, prepare_loss);
  add_row(
      table, "CrossEntropyGrad", [](const OpQuery& query) { return supports(query, 2); },
      prepare_loss_grad);
}

}  // namespace temper::cuda
