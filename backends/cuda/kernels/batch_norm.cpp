// BatchNormalization with given statistics, its training form and that form's gradient.
#include "backends/cuda/kernels/batch_norm.h"

#include "backends/cuda/kernel_rows.h"

namespace temper::cuda {
namespace {

BatchNormShape shape_of(const Attrs& attrs, const Shape& x) {
  return {x[0],
          x[1],
          x.count(2, x.rank()),
          attrs.get_double("epsilon", 1e-5),
          attrs.get_double("momentum", 0.9),
          attrs.get_int("unbiased", 1) != 0,
          rectifier_of(attrs)};
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
  return make_kernel([shape = shape_of(*query.attrs, query.inputs[0].shape),
                      dtype = query.inputs[0].dtype](const KernelArgs& args) {
    batch_norm(shape, dtype, args.inputs[0], input<float>(args, 1), input<float>(args, 2),
               input<float>(args, 3), input<float>(args, 4), args.outputs[0],
               handle_of(args.stream));
  });
}

std::unique_ptr<Kernel> prepare_train(const OpQuery& query) {
  const BatchNormShape shape = shape_of(*query.attrs, query.inputs[0].shape);
  auto kernel = make_kernel([shape, dtype = query.inputs[0].dtype,
                             count = query.outputs.size()](const KernelArgs& args) {
    const auto out = [&](std::size_t i) { return i < count ? output<float>(args, i) : nullptr; };
    batch_norm_train(shape,
                     {dtype, args.inputs[0], input<float>(args, 1), input<float>(args, 2),
                      input<float>(args, 3), input<float>(args, 4), args.outputs[0], out(1), out(2),
                      out(3), out(4), count > 5 ? output<bool>(args, 5) : nullptr},
                     handle_of(args.stream));
  });
  kernel->opaque_bytes.assign(query.outputs.size(), 0);
  if (query.outputs.size() > 5 && query.outputs[5].present()) {
    kernel->opaque_bytes[5] = static_cast<std::size_t>(query.inputs[0].shape.element_count());
  }
  return kernel;
}

std::unique_ptr<Kernel> prepare_train_grad(const OpQuery& query) {
  const BatchNormShape shape = shape_of(*query.attrs, query.inputs[1].shape);
  return make_kernel([shape, dtype = query.inputs[0].dtype, saved = query.inputs.size() > 6,
                      count = query.outputs.size()](const KernelArgs& args) {
    const auto out = [&](std::size_t i) { return i < count ? output<float>(args, i) : nullptr; };
    batch_norm_train_grad(shape,
                          {dtype, args.inputs[0], args.inputs[1], input<float>(args, 2),
                           input<float>(args, 3), input<float>(args, 4), input<float>(args, 5),
                           saved ? input<bool>(args, 6) : nullptr, args.outputs[0], out(1), out(2)},
                          handle_of(args.stream));
  });
}

}  // namespace

void register_batch_norm(KernelTable& table) {
  add_row(table, "BatchNormalization", supports_inference, prepare_inference);
  add_row(table, "BatchNormTrain", supports_train, prepare_train);
  add_row(table, "BatchNormTrainGrad", supports_train_grad, prepare_train_grad);
}

}  // namespace temper::cuda
