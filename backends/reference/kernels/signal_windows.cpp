// HannWindow, HammingWindow, BlackmanWindow and MelWeightMatrix.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "backends/host/cast_element.h"
#include "backends/reference/reference_backend.h"
#include "runtime/base/dtype_visit.h"

namespace temper::reference {
namespace {

// Harris, "On the use of windows for harmonic analysis with the discrete Fourier transform", with
// ONNX's factors.
struct Cosines {
  double a, b, c;
};

template <Cosines kFactors>
std::unique_ptr<Kernel> prepare_window(const OpQuery& query) {
  const std::int64_t size = query.outputs[0].shape[0];
  const bool periodic = query.attrs->get_int("periodic", 1) != 0;
  return visit_any(query.outputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([=](const KernelArgs& args) {
      const auto parts = static_cast<double>(periodic ? size : size - 1);
      T* y = static_cast<T*>(args.outputs[0]);
      for (std::int64_t n = 0; n < size; ++n) {
        const double angle = 2 * std::numbers::pi * static_cast<double>(n) / parts;
        const double value =
            kFactors.a - kFactors.b * std::cos(angle) + kFactors.c * std::cos(2 * angle);
        y[n] = cast_element<T>(size == 1 ? 1.0 : value);  // one element is a window of itself
      }
    });
  });
}

struct MelBands {
  std::int64_t bands, length, rows;
  double rate, low, step;  // low and step on the mel scale

  // The row of the spectrum where band i begins.
  std::int64_t row(std::int64_t i) const {
    const double mel = low + step * static_cast<double>(i);
    const double hertz = 700 * std::expm1(mel / 2595 * std::log(10.0));
    return static_cast<std::int64_t>(std::floor(static_cast<double>(length + 1) * hertz / rate));
  }
};

MelBands mel_bands(const OpQuery& query) {
  const Attrs& attrs = *query.attrs;
  const auto mel = [&](const char* name) {
    return 2595 * std::log1p(attrs.get_double(name, 0) / 700) / std::log(10.0);
  };
  const double low = mel("lower_edge_hertz");
  const std::int64_t bands = query.outputs[0].shape[1];
  return {bands,
          attrs.get_int("dft_length", 0),
          query.outputs[0].shape[0],
          attrs.get_double("sample_rate", 1),
          low,
          (mel("upper_edge_hertz") - low) / static_cast<double>(bands + 2)};
}

// A triangle for each band: up from the row before its own, down to the row behind.
std::unique_ptr<Kernel> prepare_mel_weights(const OpQuery& query) {
  const MelBands mel = mel_bands(query);
  return visit_any(query.outputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([mel](const KernelArgs& args) {
      T* y = static_cast<T*>(args.outputs[0]);
      std::fill(y, y + mel.rows * mel.bands, cast_element<T>(0.0));
      const auto set = [&](std::int64_t row, std::int64_t band, double value) {
        if (row >= 0 && row < mel.rows) {
          y[row * mel.bands + band] = cast_element<T>(value);
        }
      };
      for (std::int64_t band = 0; band < mel.bands; ++band) {
        const std::int64_t left = mel.row(band);
        const std::int64_t middle = mel.row(band + 1);
        const std::int64_t right = mel.row(band + 2);
        set(middle, band, 1);
        for (std::int64_t i = left; i < middle; ++i) {
          set(i, band, static_cast<double>(i - left) / static_cast<double>(middle - left));
        }
        for (std::int64_t i = middle; i < right; ++i) {
          set(i, band, static_cast<double>(right - i) / static_cast<double>(right - middle));
        }
      }
    });
  });
}

}  // namespace

void register_signal_windows(KernelTable& table) {
  table.add("HannWindow", "reference", {}, prepare_window<Cosines{0.5, 0.5, 0}>);
  table.add("HammingWindow", "reference", {}, prepare_window<Cosines{25.0 / 46, 21.0 / 46, 0}>);
  table.add("BlackmanWindow", "reference", {}, prepare_window<Cosines{0.42, 0.5, 0.08}>);
  table.add("MelWeightMatrix", "reference", {}, prepare_mel_weights);
}

}  // namespace temper::reference
