// TopK.
#include "backends/cuda/kernels/top_k.h"

#include "backends/cuda/kernel_rows.h"

namespace temper::cuda {
namespace {

AxisRows rows_of(const OpQuery& query) {
  const Shape& shape = query.inputs[0].shape;
  const int axis = static_cast<int>(query.attrs->get_int("axis", -1));
  return {shape.count(0, axis), shape[axis], shape.count(axis + 1, shape.rank())};
}

Support supports(const OpQuery& query) {
  if (!sorts(query.inputs[0].dtype)) {
    return Support::no(concat("no ", query.inputs[0].dtype));
  }
  return rows_of(query).length < std::int64_t{1} << 32 ? Support::yes()
                                                       : Support::no("rows of 2^32 or more");
}

std::unique_ptr<Kernel> prepare(const OpQuery& query) {
  const AxisRows rows = rows_of(query);
  const DType dtype = query.inputs[0].dtype;
  auto kernel = make_kernel(
      [rows, dtype, picks = query.attrs->get_ints("k").front(),
       largest = query.attrs->get_int("largest", 1) != 0, values = query.outputs[0].present(),
       indices = query.outputs.size() > 1 && query.outputs[1].present()](const KernelArgs& args) {
        top_k(dtype, rows, picks, largest, args.inputs[0], values ? args.outputs[0] : nullptr,
              indices ? output<std::int64_t>(args, 1) : nullptr, args.workspace,
              handle_of(args.stream));
      });
  kernel->workspace_bytes = top_k_bytes(dtype, rows);
  return kernel;
}

}  // namespace

void register_top_k(KernelTable& table) { add_row(table, "TopK", supports, prepare); }

}  // namespace temper::cuda
