// Det.
#include "backends/cuda/kernels/det.h"

#include "backends/cuda/kernel_rows.h"

namespace temper::cuda {
namespace {

std::unique_ptr<Kernel> prepare(const OpQuery& query) {
  const Shape& x = query.inputs[0].shape;
  const std::int64_t n = x[x.rank() - 1], count = query.outputs[0].shape.element_count();
  auto kernel = make_kernel([n, count](const KernelArgs& args) {
    determinants(count, n, input<float>(args, 0), output<float>(args, 0),
                 static_cast<double*>(args.workspace), handle_of(args.stream));
  });
  kernel->workspace_bytes = static_cast<std::size_t>(count * n * n) * sizeof(double);
  return kernel;
}

}  // namespace

void register_det(KernelTable& table) { add_row(table, "Det", only_f32, prepare); }

}  // namespace temper::cuda
