#include "graph/onnx/deploy/quantization.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/base/error.h"

namespace temper::graph {
namespace {

// Which scale an element has: blocks and entries of an axis.
class ScalePlaces {
 public:
  ScalePlaces(const Shape& shape, int axis, std::int64_t block) : single_(axis < 0) {
    if (!single_) {
      dim_ = std::max<std::int64_t>(1, shape[axis]);
      inner_ = shape.count(axis + 1, shape.rank());
      block_ = block;
      blocks_ = block > 0 ? (dim_ + block - 1) / block : 0;
    }
  }
  std::size_t at(std::int64_t i) const {
    if (single_) {
      return 0;
    }
    const std::int64_t along = i / inner_ % dim_;
    return static_cast<std::size_t>(
        block_ == 0 ? along : (i / inner_ / dim_ * blocks_ + along / block_) * inner_ + i % inner_);
  }

 private:
  bool single_;
  std::int64_t dim_ = 1, inner_ = 1, block_ = 0, blocks_ = 0;
};

}  // namespace

Shape Quantization::scale_shape(const Shape& tensor) const {
  if (axis < 0) {
    return {};
  }
  if (block == 0) {
    return Shape{tensor[axis]};
  }
  Shape shape = tensor;
  shape[axis] = (tensor[axis] + block - 1) / block;
  return shape;
}

IntegerRange integers_of(DType type, bool symmetric) {
  switch (type) {
    case DType::kInt8:
      return {symmetric ? -127.0 : -128.0, 127};
    case DType::kUInt8:
      return {0, 255};
    case DType::kInt4:
      return {symmetric ? -7.0 : -8.0, 7};
    case DType::kInt32:
      return {-std::numeric_limits<std::int32_t>::max(), std::numeric_limits<std::int32_t>::max()};
    default:
      TEMPER_ASSERT(false, type);
      return {};
  }
}

Quantization quantization_of(double low, double high, DType type, bool symmetric) {
  low = std::min(low, 0.0);
  high = std::max(high, 0.0);
  const IntegerRange integers = integers_of(type, symmetric);
  if (symmetric) {
    high = std::max(-low, high);
    low = -high;
  }
  Quantization made;
  made.type = type;
  const double scale = (high - low) / (integers.high - integers.low);
  if (!(scale >= static_cast<double>(std::numeric_limits<float>::min()))) {  // all is 0
    made.scales = {1};
    made.zeros = {0};
    return made;
  }
  const double zero = symmetric ? std::nearbyint((integers.low + integers.high) / 2)
                                : std::nearbyint(integers.low - low / scale);
  made.scales = {static_cast<float>(scale)};
  made.zeros = {static_cast<std::int64_t>(std::clamp(zero, integers.low, integers.high))};
  return made;
}

Quantization weight_quantization(const Tensor& weight, DType type, int axis, std::int64_t block) {
  Quantization made;
  made.type = type;
  made.axis = axis;
  made.block = block;
  const Shape& shape = weight.shape();
  const auto count = static_cast<std::size_t>(made.scale_shape(shape).element_count());
  std::vector<double> largest(count, 0);
  const ScalePlaces places(shape, axis, block);
  const std::vector<double> values = weight.values<double>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    double& most = largest[places.at(static_cast<std::int64_t>(i))];
    most = std::max(most, std::abs(values[i]));
  }
  for (const double most : largest) {
    const Quantization one = quantization_of(-most, most, type, true);
    made.scales.push_back(one.scales[0]);
    made.zeros.push_back(one.zeros[0]);
  }
  return made;
}

Quantization bias_quantization(float input_scale, const std::vector<float>& weight_scales,
                               bool per_output) {
  Quantization made;
  made.type = DType::kInt32;
  made.axis = per_output ? 0 : -1;
  for (const float scale : weight_scales) {
    made.scales.push_back(scale * input_scale);
  }
  made.zeros.assign(made.scales.size(), 0);
  return made;
}

Tensor quantized(const Tensor& values, const Quantization& by) {
  const IntegerRange integers = integers_of(by.type, false);
  const ScalePlaces places(values.shape(), by.axis, by.block);
  TEMPER_ASSERT(
      static_cast<std::int64_t>(by.scales.size()) == by.scale_shape(values.shape()).element_count(),
      values.shape());
  std::vector<double> whole(static_cast<std::size_t>(values.element_count()));
  const std::vector<float> floats = values.values<float>();
  for (std::size_t i = 0; i < floats.size(); ++i) {
    const std::size_t at = places.at(static_cast<std::int64_t>(i));
    const double zero = static_cast<double>(by.zeros[at]);
    // Divided as floats, as QuantizeLinear does; ties to even. The bias's int32 needs more digits.
    const double quotient =
        by.type == DType::kInt32
            ? static_cast<double>(floats[i]) / static_cast<double>(by.scales[at])
            : static_cast<double>(floats[i] / by.scales[at]);
    whole[i] = std::clamp(std::nearbyint(quotient) + zero, integers.low, integers.high);
  }
  return Tensor::from<double>(by.type, values.shape(), whole);
}

}  // namespace temper::graph
