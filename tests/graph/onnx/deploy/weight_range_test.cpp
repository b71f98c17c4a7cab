// What becomes of values in 16 bits, at the ends of the range.
#include "graph/onnx/deploy/weight_range.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace temper::graph {
namespace {

PlainValue of(const std::vector<float>& values) {
  return plain_value(Tensor::from<float>(DType::kFloat32,
                                         Shape{static_cast<std::int64_t>(values.size())}, values));
}

TEST(WeightRange, CountsWhatBecomesZeroAndWhatStandsForInfinity) {
  const float half = 0x1p-25f;  // of the smallest number: to even, which is 0
  const WeightRange range = range_of(of({1, -70000, half, std::nextafter(half, 1.0f), 0, -3.4e38f,
                                         std::numeric_limits<float>::infinity()}),
                                     DType::kFloat16);
  EXPECT_EQ(range.elements, 7);
  EXPECT_EQ(range.largest, 70000);
  EXPECT_EQ(range.infinite, 1);
  EXPECT_EQ(range.underflow, 1);
  EXPECT_EQ(range_of(of({half}), DType::kBFloat16).underflow, 0);
}

TEST(WeightRange, ClampsFiniteValuesAlone) {
  const float infinity = std::numeric_limits<float>::infinity();
  const Tensor now = clamped(
      Tensor::from<float>(DType::kFloat32, Shape{4}, std::vector{1.0f, -3.4e38f, infinity, 7e4f}),
      65504);
  EXPECT_EQ(now.values<float>(), (std::vector<float>{1, -65504, infinity, 65504}));
}

}  // namespace
}  // namespace temper::graph
