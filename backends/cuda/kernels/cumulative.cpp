// CumSum and CumProd.
#include "backends/cuda/kernels/cumulative.h"

#include "backends/cuda/kernel_rows.h"

namespace temper::cuda {
namespace {

Support supports(const OpQuery& query) {
  return accumulates(query.inputs[0].dtype) ? Support::yes()
                                            : Support::no(concat("no ", query.inputs[0].dtype));
}

std::unique_ptr<Kernel> prepare(const OpQuery& query, bool product) {
  const Shape& shape = query.inputs[0].shape;
  const int axis = static_cast<int>(query.attrs->get_int("axis", 0));
  const AxisRows rows{shape.count(0, axis), shape[axis], shape.count(axis + 1, shape.rank())};
  const Accumulation kind{product, query.attrs->get_int("exclusive", 0) != 0,
                          query.attrs->get_int("reverse", 0) != 0};
  return make_kernel([rows, kind, dtype = query.inputs[0].dtype](const KernelArgs& args) {
    accumulate(kind, dtype, rows, args.inputs[0], args.outputs[0], handle_of(args.stream));
  });
}

}  // namespace

void register_cumulative(KernelTable& table) {
  add_row(table, "CumSum", supports, [](const OpQuery& query) { return prepare(query, false); });
  add_row(table, "CumProd", supports, [](const OpQuery& query) { return prepare(query, true); });
}

}  // namespace temper::cuda
