// ReverseSequence, TensorScatter and its gradient.
#include "backends/cuda/kernels/sequences.h"

#include <algorithm>

#include "backends/cuda/kernel_rows.h"

namespace temper::cuda {
namespace {

std::size_t run_bytes(const TensorSpec& spec, int axis) {
  return static_cast<std::size_t>(spec.shape.count(axis, spec.shape.rank())) * size_of(spec.dtype);
}

std::unique_ptr<Kernel> prepare_reverse(const OpQuery& query) {
  const TensorSpec& x = query.inputs[0];
  const SequenceShape shape{x.shape[0], x.shape[1], run_bytes(x, 2),
                            query.attrs->get_int("batch_axis", 1) == 0};
  return make_kernel([shape](const KernelArgs& args) {
    reverse_steps(shape, input<std::int64_t>(args, 1), fault_of(args), args.inputs[0],
                  args.outputs[0], handle_of(args.stream));
  });
}

bool has_indices(const OpQuery& query, std::size_t at) {
  return at < query.inputs.size() && query.inputs[at].present();
}

CacheShape shape_of(const OpQuery& query, const TensorSpec& cached, const Shape& update,
                    std::size_t indices) {
  const int axis = static_cast<int>(query.attrs->get_int("axis", -2));
  CacheShape shape;
  shape.outer = cached.shape.count(0, axis);
  shape.per_sample =
      std::max<std::int64_t>(shape.outer / std::max<std::int64_t>(cached.shape[0], 1), 1);
  shape.cache = cached.shape[axis];
  shape.length = update[axis];
  shape.run_bytes = run_bytes(cached, axis + 1);
  shape.circular = query.attrs->get_string("mode", "linear") == "circular";
  shape.wide = !has_indices(query, indices) || query.inputs[indices].dtype == DType::kInt64;
  return shape;
}

std::unique_ptr<Kernel> prepare_scatter(const OpQuery& query) {
  const CacheShape shape = shape_of(query, query.inputs[0], query.inputs[1].shape, 2);
  auto kernel = make_kernel(
      [shape, given = has_indices(query, 2),
       whole = static_cast<std::size_t>(query.inputs[0].bytes())](const KernelArgs& args) {
        const StreamHandle stream = handle_of(args.stream);
        if (args.inputs[0] != args.outputs[0] && whole > 0) {
          copy_within(args.outputs[0], args.inputs[0], whole, stream);
        }
        write_cache(shape, given ? args.inputs[2] : nullptr, fault_of(args), args.inputs[1],
                    args.outputs[0], stream);
      });
  kernel->inplace = {{0, 0}};
  return kernel;
}

std::unique_ptr<Kernel> prepare_scatter_grad(const OpQuery& query) {
  const CacheShape shape = shape_of(query, query.inputs[0], query.outputs[0].shape, 1);
  return make_kernel([shape, given = has_indices(query, 1)](const KernelArgs& args) {
    read_cache(shape, given ? args.inputs[1] : nullptr, fault_of(args), args.inputs[0],
               args.outputs[0], handle_of(args.stream));
  });
}

}  // namespace

void register_sequences(KernelTable& table) {
  add_row(table, "ReverseSequence", {}, prepare_reverse);
  add_row(table, "TensorScatter", {}, prepare_scatter);
  add_row(table, "TensorScatterGrad", {}, prepare_scatter_grad);
}

}  // namespace temper::cuda
