// GlobalAveragePool and GlobalMaxPool, plain or with channels last.
#include "backends/cuda/kernels/global_pool.h"

#include "backends/cuda/kernel_rows.h"
#include "backends/cuda/kernels/reduce.h"
#include "backends/cuda/walks.h"

namespace temper::cuda {
namespace {

Support supports(const OpQuery& query) {
  const DType dtype = query.inputs[0].dtype;
  return is_float(dtype) ? Support::yes() : Support::no(concat("no ", dtype));
}

// Positions of each channel are a column.
std::unique_ptr<Kernel> prepare_last(const OpQuery& query, bool maximum) {
  const Shape& x = query.inputs[0].shape;
  const std::int64_t positions = x.count(2, x.rank());
  Places<1> kept, reduced;
  set_axes(kept, {{x[0], {positions * x[1]}}, {x[1], {1}}});
  set_axes(reduced, {{positions, {x[1]}}});
  auto kernel = make_kernel(
      [kept, reduced, dtype = query.inputs[0].dtype,
       reduction = maximum ? Reduction::kMax : Reduction::kMean](const KernelArgs& args) {
        reduce(reduction, dtype, kept, reduced, args.inputs[0], args.outputs[0],
               handle_of(args.stream));
      });
  kernel->input_layouts = {query.inputs[0].layout};
  return kernel;
}

std::unique_ptr<Kernel> prepare(const OpQuery& query, bool maximum) {
  if (is_channels_last(query.inputs[0])) {
    return prepare_last(query, maximum);
  }
  const Shape& x = query.inputs[0].shape;
  return make_kernel([maximum, dtype = query.inputs[0].dtype, planes = x[0] * x[1],
                      count = x.count(2, x.rank())](const KernelArgs& args) {
    global_pool(maximum, dtype, planes, count, args.inputs[0], args.outputs[0],
                handle_of(args.stream));
  });
}

}  // namespace

void register_global_pool(KernelTable& table) {
  add_row(table, "GlobalAveragePool", supports,
          [](const OpQuery& query) { return prepare(query, false); });
  add_row(table, "GlobalMaxPool", supports,
          [](const OpQuery& query) { return prepare(query, true); });
}

}  // namespace temper::cuda
