// CrossEntropy and its gradient. Logits with channels last are rows of classes.
#include "backends/cuda/kernels/losses.h"

#include <string>

#include "backends/cuda/kernel_rows.h"
#include "backends/cuda/layouts.h"

namespace temper::cuda {
namespace {

LossShape shape_of(const OpQuery& query, const TensorSpec& given, std::size_t labels) {
  const Shape& logits = given.shape;
  const std::int64_t plane = logits.count(2, logits.rank());
  const bool last = is_channels_last(given);
  const Attrs& attrs = *query.attrs;
  const std::string reduction = attrs.get_string("reduction", "mean");
  LossShape shape{};
  shape.batch = last ? logits[0] * plane : logits[0];
  shape.classes = logits[1];
  shape.plane = last ? 1 : plane;
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

// Logits and their like: an input and an output with these numbers.
void set_layouts(Kernel& kernel, const OpQuery& query, std::size_t in, std::size_t out) {
  const Layout layout = is_channels_last(query.inputs[in]) ? query.inputs[in].layout : Layout{};
  kernel.input_layouts.resize(query.inputs.size());
  kernel.input_layouts[in] = layout;
  kernel.output_layouts.resize(query.outputs.size());
  if (has_output(query, out)) {
    kernel.output_layouts[out] = layout;
  }
}

std::unique_ptr<Kernel> prepare_loss(const OpQuery& query) {
  const LossShape shape = shape_of(query, query.inputs[0], 1);
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
  set_layouts(*kernel, query, 0, 1);
  return kernel;
}

std::unique_ptr<Kernel> prepare_loss_grad(const OpQuery& query) {
  const LossShape shape = shape_of(query, query.inputs[1], 2);
  auto kernel = make_kernel([shape, weighted = query.inputs.size() > 3](const KernelArgs& args) {
    const LossTensors tensors{args.inputs[2], weighted ? input<float>(args, 3) : nullptr,
                              fault_of(args)};
    cross_entropy_grad(shape, tensors, input<float>(args, 0), input<float>(args, 1),
                       output<float>(args, 0), static_cast<double*>(args.workspace),
                       handle_of(args.stream));
  });
  kernel->workspace_bytes = 2 * sizeof(double);
  set_layouts(*kernel, query, 1, 0);
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
