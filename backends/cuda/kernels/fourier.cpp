// DFT, DFTGrad, STFT.
#include "backends/cuda/kernels/fourier.h"

#include "backends/cuda/kernel_rows.h"
#include "backends/host/fourier_shape.h"

namespace temper::cuda {
namespace {

Support float_input(const OpQuery& query) {
  const DType dtype = query.inputs[0].dtype;
  return dtype == DType::kFloat32 ? Support::yes() : Support::no(concat("only f32, not ", dtype));
}

std::size_t turn_bytes(const Fourier& f) {
  return static_cast<std::size_t>(2 * f.length) * sizeof(double);
}

std::unique_ptr<Kernel> prepare(const OpQuery& query, bool backward) {
  const Shape &given = query.inputs[0].shape, &made = query.outputs[0].shape;
  const Fourier f =
      backward ? fourier_of(*query.attrs, made, given) : fourier_of(*query.attrs, given, made);
  auto kernel = make_kernel([f, backward](const KernelArgs& args) {
    auto* turn = static_cast<double*>(args.workspace);
    fill_turn(turn, f.length, handle_of(args.stream));
    (backward ? fourier_transposed : fourier)(f, turn, input<float>(args, 0),
                                              output<float>(args, 0), handle_of(args.stream));
  });
  kernel->workspace_bytes = turn_bytes(f);
  return kernel;
}

std::unique_ptr<Kernel> prepare_frames(const OpQuery& query) {
  const Shape &x = query.inputs[0].shape, &y = query.outputs[0].shape;
  const bool windowed = has_input(query, 2);
  Fourier f;
  f.length = f.x_size = f.read = query.attrs->get_int("frame_length", 1);
  f.y_size = y[2];
  f.x_parts = x.rank() == 3 ? x[2] : 1;
  const FrameShape shape{y[0], y[1], query.attrs->get_int("frame_step", 1), x[1] * f.x_parts};
  auto kernel = make_kernel([f, shape, windowed](const KernelArgs& args) {
    auto* turn = static_cast<double*>(args.workspace);
    fill_turn(turn, f.length, handle_of(args.stream));
    short_time_fourier(f, shape, turn, input<float>(args, 0),
                       windowed ? input<float>(args, 2) : nullptr, output<float>(args, 0),
                       handle_of(args.stream));
  });
  kernel->workspace_bytes = turn_bytes(f);
  return kernel;
}

}  // namespace

void register_fourier(KernelTable& table) {
  add_row(table, "DFT", float_input, [](const OpQuery& query) { return prepare(query, false); });
  add_row(table, "DFTGrad", float_input, [](const OpQuery& query) { return prepare(query, true); });
  add_row(table, "STFT", float_input, prepare_frames);
}

}  // namespace temper::cuda
