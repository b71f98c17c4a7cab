// ArgMax and ArgMin.
#include "backends/cuda/kernels/arg_max.h"

#include "backends/cuda/kernel_rows.h"

namespace temper::cuda {
namespace {

Support supports(const OpQuery& query) {
  const DType dtype = query.inputs[0].dtype;
  const bool taken = dtype == DType::kFloat32 || dtype == DType::kFloat64 ||
                     dtype == DType::kInt32 || dtype == DType::kInt64;
  return taken ? Support::yes() : Support::no(concat("no ", dtype));
}

std::unique_ptr<Kernel> prepare(const OpQuery& query, bool smallest) {
  const Shape& shape = query.inputs[0].shape;
  const int axis = static_cast<int>(query.attrs->get_int("axis", 0));
  const AxisRows rows{shape.count(0, axis), shape[axis], shape.count(axis + 1, shape.rank())};
  return make_kernel(
      [rows, smallest, dtype = query.inputs[0].dtype,
       last_wins = query.attrs->get_int("select_last_index", 0) != 0](const KernelArgs& args) {
        arg_extremum(dtype, rows, smallest, last_wins, args.inputs[0],
                     output<std::int64_t>(args, 0), handle_of(args.stream));
      });
}

}  // namespace

void register_arg_max(KernelTable& table) {
  add_row(table, "ArgMax", supports, [](const OpQuery& query) { return prepare(query, false); });
  add_row(table, "ArgMin", supports, [](const OpQuery& query) { return prepare(query, true); });
}

}  // namespace temper::cuda
