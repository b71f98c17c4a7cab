// GridSample, GridSampleGrad, AffineGrid.
#include "backends/cuda/kernels/grid_sample.h"

#include "backends/cuda/kernel_rows.h"
#include "backends/host/grid_sampling.h"

namespace temper::cuda {
namespace {

std::unique_ptr<Kernel> prepare(const OpQuery& query) {
  return make_kernel([s = grid_sampling_of(query)](const KernelArgs& args) {
    grid_sample(s, input<float>(args, 0), input<float>(args, 1), output<float>(args, 0),
                handle_of(args.stream));
  });
}

std::unique_ptr<Kernel> prepare_grad(const OpQuery& query) {
  const GridSampling s = grid_sampling_of(query);
  const std::int64_t count = s.batch * s.channels * s.elements;
  // At the border all weights of all places may come to one element; those of a cubic are below 2.
  const double most_weight = static_cast<double>(s.places) * 512;
  auto kernel =
      make_kernel([s, count, most_weight, outputs = query.outputs.size()](const KernelArgs& args) {
        grid_sample_grad(s, input<float>(args, 0), input<float>(args, 1), input<float>(args, 2),
                         output<float>(args, 0), outputs > 1 ? output<float>(args, 1) : nullptr,
                         FixedSums::in(args.workspace, count, most_weight), handle_of(args.stream));
      });
  kernel->workspace_bytes = FixedSums::bytes(count);
  return kernel;
}

std::unique_ptr<Kernel> prepare_affine(const OpQuery& query) {
  const Shape& y = query.outputs[0].shape;
  AffineShape s{};
  s.dims = y.rank() - 2;
  s.corners = query.attrs->get_int("align_corners", 0) != 0;
  for (int i = 0; i < s.dims; ++i) {
    s.size[i] = y[i + 1];
  }
  s.batch = y[0];
  return make_kernel([s](const KernelArgs& args) {
    affine_grid(s, input<float>(args, 0), output<float>(args, 0), handle_of(args.stream));
  });
}

// AffineGrid's second input, the size, is integers.
Support affine_f32(const OpQuery& query) {
  const DType dtype = query.inputs[0].dtype;
  return dtype == DType::kFloat32 ? Support::yes() : Support::no(concat("only f32, not ", dtype));
}

}  // namespace

void register_grid_sample(KernelTable& table) {
  add_row(table, "GridSample", only_f32, prepare);
  add_row(table, "GridSampleGrad", only_f32, prepare_grad);
  add_row(table, "AffineGrid", affine_f32, prepare_affine);
}

}  // namespace temper::cuda
