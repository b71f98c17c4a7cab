// HannWindow, HammingWindow, BlackmanWindow, MelWeightMatrix.
#include "backends/cuda/kernels/signal_windows.h"

#include <cmath>

#include "backends/cuda/kernel_rows.h"

namespace temper::cuda {
namespace {

void add_window(KernelTable& table, std::string_view op, double a, double b, double c) {
  add_row(table, op, {}, [a, b, c](const OpQuery& query) {
    const WindowShape shape{a, b, c, query.outputs[0].shape[0],
                            query.attrs->get_int("periodic", 1) != 0};
    return make_kernel([shape, dtype = query.outputs[0].dtype](const KernelArgs& args) {
      signal_window(shape, dtype, args.outputs[0], handle_of(args.stream));
    });
  });
}

std::unique_ptr<Kernel> prepare_mel(const OpQuery& query) {
  const Attrs& attrs = *query.attrs;
  const auto mel = [&](const char* name) {
    return 2595 * std::log1p(attrs.get_double(name, 0) / 700) / std::log(10.0);
  };
  MelBands bands{};
  bands.bands = query.outputs[0].shape[1];
  bands.length = attrs.get_int("dft_length", 0);
  bands.rows = query.outputs[0].shape[0];
  bands.rate = attrs.get_double("sample_rate", 1);
  bands.low = mel("lower_edge_hertz");
  bands.step = (mel("upper_edge_hertz") - bands.low) / static_cast<double>(bands.bands + 2);
  return make_kernel([bands, dtype = query.outputs[0].dtype](const KernelArgs& args) {
    mel_weights(bands, dtype, args.outputs[0], handle_of(args.stream));
  });
}

}  // namespace

void register_signal_windows(KernelTable& table) {
  add_window(table, "HannWindow", 0.5, 0.5, 0);
  add_window(table, "HammingWindow", 25.0 / 46, 21.0 / 46, 0);
  add_window(table, "BlackmanWindow", 0.42, 0.5, 0.08);
  add_row(table, "MelWeightMatrix", {}, prepare_mel);
}

}  // namespace temper::cuda
