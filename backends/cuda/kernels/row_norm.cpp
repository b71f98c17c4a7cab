// RowNorm, of which the normalisations are made, and RowNormGrad.
#include "backends/cuda/kernels/row_norm.h"

#include "backends/cuda/kernel_rows.h"
#include "backends/cuda/kernels/optional_tensors.h"

namespace temper::cuda {
namespace {

NormRows rows_of(const OpQuery& query) {
  const Shape& x = query.inputs[0].shape;
  const auto axis = static_cast<int>(query.attrs->get_int("axis", -1));
  return {x.count(0, axis), x.count(axis, x.rank()), query.attrs->get_double("epsilon", 1e-5),
          query.attrs->get_int("centred", 1) != 0};
}

std::unique_ptr<Kernel> prepare(const OpQuery& query) {
  auto kernel = make_kernel([rows = rows_of(query),
                             there = OptionalTensors(query)](const KernelArgs& args) {
    row_norm(rows, there.input<float>(args, 0), there.input<float>(args, 1),
             there.input<float>(args, 2), there.output<float>(args, 0),
             there.output<float>(args, 1), there.output<float>(args, 2), handle_of(args.stream));
  });
  kernel->inplace = {{0, 0}};
  return kernel;
}

std::unique_ptr<Kernel> prepare_grad(const OpQuery& query) {
  const NormRows rows = rows_of(query);
  auto kernel = make_kernel([rows, there = OptionalTensors(query)](const KernelArgs& args) {
    const auto input = [&](std::size_t i) { return there.input<float>(args, i); };
    const auto output = [&](std::size_t i) { return there.output<float>(args, i); };
    row_norm_grad(
        rows, {input(0), input(1), input(3), input(4), input(5), output(0), output(1), output(2)},
        args.workspace, handle_of(args.stream));
  });
  kernel->workspace_bytes = row_norm_grad_workspace(rows);
  return kernel;
}

}  // namespace

void register_row_norm(KernelTable& table) {
  add_row(table, "RowNorm", only_f32, prepare);
  add_row(table, "RowNormGrad", only_f32, prepare_grad);
}

}  // namespace temper::cuda
