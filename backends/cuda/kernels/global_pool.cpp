// GlobalAveragePool and GlobalMaxPool.
#include "backends/cuda/kernels/global_pool.h"

#include "backends/cuda/kernel_rows.h"

namespace temper::cuda {
namespace {

Support supports(const OpQuery& query) {
  const DType dtype = query.inputs[0].dtype;
  return is_float(dtype) ? Support::yes() : Support::no(concat("no ", dtype));
}

std::unique_ptr<Kernel> prepare(const OpQuery& query, bool maximum) {
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
