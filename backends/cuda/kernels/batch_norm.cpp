// BatchNormalization with given statistics, its training form and that form's gradient, plain or
// with channels last.
#include "backends/cuda/kernels/batch_norm.h"

#include "backends/cuda/kernel_rows.h"
#include "backends/cuda/kernels/batch_norm_columns.h"
#include "backends/cuda/layouts.h"

namespace temper::cuda {
namespace {

// With channels last it is a tensor [batch and positions, channels].
BatchNormShape shape_of(const Attrs& attrs, const Shape& x, const Layout& layout) {
  const std::int64_t plane = x.count(2, x.rank());
  return {layout.plain ? x[0] : x[0] * plane,
          x[1],
          layout.plain ? plane : 1,
          attrs.get_double("epsilon", 1e-5),
          attrs.get_double("momentum", 0.9),
          attrs.get_int("unbiased", 1) != 0,
          rectifier_of(attrs)};
}

Layout layout_of(const TensorSpec& x) { return is_channels_last(x) ? x.layout : Layout{}; }

// Of x, dx and the like: inputs and outputs with these numbers.
void set_layouts(Kernel& kernel, const OpQuery& query, const Layout& layout,
                 std::initializer_list<std::size_t> inputs) {
  kernel.input_layouts.resize(query.inputs.size());
  kernel.output_layouts.resize(query.outputs.size());
  for (const std::size_t i : inputs) {
    kernel.input_layouts[i] = layout;
  }
  kernel.output_layouts[0] = layout;
}

// What a forward with a fused Relu let through is bytes of its own.
OpQuery without_mask(const OpQuery& query) {
  OpQuery floats = query;
  for (auto* specs : {&floats.inputs, &floats.outputs}) {
    for (TensorSpec& spec : *specs) {
      spec = spec.dtype == DType::kOpaque ? TensorSpec{} : spec;
    }
  }
  return floats;
}

Support supports_train(const OpQuery& query) {
  return one_float_type_beside(without_mask(query), {1, 2, 3, 4}, {1, 2, 3, 4});
}

Support supports_train_grad(const OpQuery& query) {
  return one_float_type_beside(without_mask(query), {2, 3, 4, 5}, {1, 2});
}

Support supports_inference(const OpQuery& query) {
  return query.attrs->get_int("training_mode", 0) != 0
             ? Support::no("training_mode=1 must be turned into BatchNormTrain")
             : one_float_type_beside(query, {1, 2, 3, 4}, {});
}

std::unique_ptr<Kernel> prepare_inference(const OpQuery& query) {
  const Layout layout = layout_of(query.inputs[0]);
  auto kernel = make_kernel([shape = shape_of(*query.attrs, query.inputs[0].shape, layout),
                             dtype = query.inputs[0].dtype](const KernelArgs& args) {
    batch_norm(shape, dtype, args.inputs[0], input<float>(args, 1), input<float>(args, 2),
               input<float>(args, 3), input<float>(args, 4), args.outputs[0],
               handle_of(args.stream));
  });
  set_layouts(*kernel, query, layout, {0});
  return kernel;
}

std::unique_ptr<Kernel> prepare_train(const OpQuery& query) {
  const Layout layout = layout_of(query.inputs[0]);
  const BatchNormShape shape = shape_of(*query.attrs, query.inputs[0].shape, layout);
  const bool columns = shape.plane == 1;
  auto kernel = make_kernel([shape, columns, dtype = query.inputs[0].dtype,
                             count = query.outputs.size()](const KernelArgs& args) {
    const auto out = [&](std::size_t i) { return i < count ? output<float>(args, i) : nullptr; };
    const BatchNormTrain tensors{dtype,
                                 args.inputs[0],
                                 input<float>(args, 1),
                                 input<float>(args, 2),
                                 input<float>(args, 3),
                                 input<float>(args, 4),
                                 args.outputs[0],
                                 out(1),
                                 out(2),
                                 out(3),
                                 out(4),
                                 count > 5 ? output<bool>(args, 5) : nullptr};
    if (columns) {
      batch_norm_train_columns(shape, tensors, static_cast<double*>(args.workspace),
                               handle_of(args.stream));
    } else {
      batch_norm_train(shape, tensors, handle_of(args.stream));
    }
  });
  kernel->opaque_bytes.assign(query.outputs.size(), 0);
  if (query.outputs.size() > 5 && query.outputs[5].present()) {
    kernel->opaque_bytes[5] = static_cast<std::size_t>(query.inputs[0].shape.element_count());
  }
  if (columns) {
    kernel->workspace_bytes =
        ChannelColumns::of(shape.batch, shape.channels).workspace_bytes(kTrainSums, kTrainNumbers);
  }
  set_layouts(*kernel, query, layout, {0});
  return kernel;
}

// The saved mask lies as the forward's x did.
std::unique_ptr<Kernel> prepare_train_grad(const OpQuery& query) {
  const bool saved = has_input(query, 6);
  Layout layout = layout_of(query.inputs[1]);
  if (saved && query.forward != nullptr) {
    layout = query.forward->input_layouts.at(0);
  }
  const BatchNormShape shape = shape_of(*query.attrs, query.inputs[1].shape, layout);
  const bool columns = shape.plane == 1 && (saved || !shape.rectifier.on);
  auto kernel = make_kernel([shape, columns, saved, dtype = query.inputs[0].dtype,
                             count = query.outputs.size()](const KernelArgs& args) {
    const auto out = [&](std::size_t i) { return i < count ? output<float>(args, i) : nullptr; };
    const BatchNormGrad tensors{dtype,
                                args.inputs[0],
                                args.inputs[1],
                                input<float>(args, 2),
                                input<float>(args, 3),
                                input<float>(args, 4),
                                input<float>(args, 5),
                                saved ? input<bool>(args, 6) : nullptr,
                                args.outputs[0],
                                out(1),
                                out(2)};
    if (columns) {
      batch_norm_train_grad_columns(shape, tensors, static_cast<double*>(args.workspace),
                                    handle_of(args.stream));
    } else {
      batch_norm_train_grad(shape, tensors, handle_of(args.stream));
    }
  });
  if (columns) {
    kernel->workspace_bytes =
        ChannelColumns::of(shape.batch, shape.channels).workspace_bytes(kGradSums, kGradNumbers);
  }
  set_layouts(*kernel, query, layout, {0, 1});
  return kernel;
}

}  // namespace

void register_batch_norm(KernelTable& table) {
  add_row(table, "BatchNormalization", supports_inference, prepare_inference);
  add_row(table, "BatchNormTrain", supports_train, prepare_train);
  add_row(table, "BatchNormTrainGrad", supports_train_grad, prepare_train_grad);
}

}  // namespace temper::cuda
