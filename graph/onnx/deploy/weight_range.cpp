#include "graph/onnx/deploy/weight_range.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace temper::graph {
namespace {

// Half of the smallest number: what is not above rounds to 0, ties to even.
double half_of_smallest(DType type) { return type == DType::kBFloat16 ? 0x1p-134 : 0x1p-25; }

template <class F>
void each_float(std::span<const std::byte> piece, F&& f) {
  for (std::size_t i = 0; i < piece.size() / sizeof(float); ++i) {
    float value = 0;
    std::memcpy(&value, piece.data() + i * sizeof value, sizeof value);
    f(i, value);
  }
}

float clamp(float value, double limit) {
  return std::isfinite(value) && std::abs(value) > limit
             ? static_cast<float>(std::copysign(limit, value))
             : value;
}

}  // namespace

WeightRange range_of(const PlainValue& value, DType type) {
  WeightRange range;
  range.elements = value.shape.element_count();
  const double zero = half_of_smallest(type);
  value.for_each_piece([&](std::span<const std::byte> piece) {
    each_float(piece, [&](std::size_t, float element) {
      const double size = std::abs(element);
      if (size > kStandsForInfinity) {
        range.infinite += std::isfinite(element) ? 1 : 0;
      } else {
        range.largest = std::max(range.largest, size);  // NaN changes nothing
      }
      range.underflow += size > 0 && size <= zero ? 1 : 0;
    });
  });
  return range;
}

PlainValue clamped(PlainValue value, double limit) {
  return {value.dtype, value.shape, [value, limit](const TakePiece& take) {
            std::vector<std::byte> made;
            value.for_each_piece([&](std::span<const std::byte> piece) {
              made.assign(piece.begin(), piece.end());
              each_float(piece, [&](std::size_t i, float element) {
                const float now = clamp(element, limit);
                std::memcpy(made.data() + i * sizeof now, &now, sizeof now);
              });
              take(made);
            });
          }};
}

Tensor clamped(const Tensor& value, double limit) {
  std::vector<float> values = value.values<float>();
  for (float& element : values) {
    element = clamp(element, limit);
  }
  return Tensor::from<float>(value.dtype(), value.shape(), values);
}

}  // namespace temper::graph
