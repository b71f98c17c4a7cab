// DFT, DFTGrad, STFT.
#include "backends/cuda/kernels/fourier.h"

#include <algorithm>

#include "backends/cuda/kernel_rows.h"

namespace temper::cuda {
namespace {

Support float_input(const OpQuery& query) {
  const DType dtype = query.inputs[0].dtype;
  return dtype == DType::kFloat32 ? Support::yes() : Support::no(concat("only f32, not ", dtype));
}

Fourier transform_of(const Attrs& attrs, const Shape& x, const Shape& y) {
  Fourier f;
  const int axis = static_cast<int>(attrs.get_int("axis", 0));
  const int last = x.rank() - 1;
  const bool inverse = attrs.get_int("inverse", 0) != 0;
  f.length = attrs.get_int("dft_length", 1);
  f.x_size = x[axis];
  f.y_size = y[axis];
  f.x_parts = x[last];
  f.y_parts = y[last];
  f.turn = inverse ? 1 : -1;
  f.to_real = inverse && attrs.get_int("onesided", 0) != 0;
  f.read = std::min(f.x_size, f.to_real ? f.length / 2 + 1 : f.length);
  f.outer = x.count(0, axis);
  f.inner = x.count(axis + 1, last);
  return f;
}

std::size_t turn_bytes(const Fourier& f) {
  return static_cast<std::size_t>(2 * f.length) * sizeof(double);
}

std::unique_ptr<Kernel> prepare(const OpQuery& query, bool backward) {
  const Shape &given = query.inputs[0].shape, &made = query.outputs[0].shape;
  const Fourier f =
      backward ? transform_of(*query.attrs, made, given) : transform_of(*query.attrs, given, made);
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
  const bool windowed = query.inputs.size() > 2 && query.inputs[2].present();
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
