#include "graph/onnx/surgery/fresh_values.h"

#include <cmath>

namespace temper::graph {

std::vector<float> TorchUniform::draw(std::int64_t count, double bound) {
  constexpr std::uint32_t kMask = (1u << 24) - 1;
  constexpr float kUnit = 1.0f / static_cast<float>(1u << 24);
  const auto low = static_cast<float>(-bound), high = static_cast<float>(bound);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) {
    const auto bits = static_cast<std::uint32_t>(engine_()) & kMask;
    // PyTorch's kernels are compiled with fused multiply-add.
    value = std::fma(static_cast<float>(bits) * kUnit, high - low, low);
  }
  return values;
}

double layer_bound(std::int64_t fan_in) { return 1.0 / std::sqrt(static_cast<double>(fan_in)); }

std::vector<double> transposed(const std::vector<double>& matrix, std::int64_t rows) {
  const auto height = static_cast<std::size_t>(rows);
  const std::size_t width = matrix.size() / height;
  std::vector<double> out(matrix.size());
  for (std::size_t r = 0; r < height; ++r) {
    for (std::size_t c = 0; c < width; ++c) {
      out[c * height + r] = matrix[r * width + c];
    }
  }
  return out;
}

Tensor turned(const Tensor& matrix) {
  const Shape& shape = matrix.shape();
  return Tensor::from<double>(matrix.dtype(), Shape{shape[1], shape[0]},
                              transposed(matrix.values<double>(), shape[0]));
}

}  // namespace temper::graph
