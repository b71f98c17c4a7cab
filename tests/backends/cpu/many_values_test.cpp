// Sums over many elements on the CPU, with values around 0 and around 1000, against sums in double.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/backends/cpu/kernel_run.h"

namespace temper::cpu {
namespace {

using Ints = std::vector<std::int64_t>;

// Sum of f(i, c) over [N, C, plane...] per channel.
std::vector<double> channel_sums(const Tensor& x) {
  const auto values = x.values<float>();
  const std::int64_t channels = x.shape()[1], plane = x.shape().count(2, x.shape().rank());
  std::vector<double> sums(static_cast<std::size_t>(channels));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::int64_t c = static_cast<std::int64_t>(i) / plane % channels;
    sums[static_cast<std::size_t>(c)] += static_cast<double>(values[i]);
  }
  return sums;
}

// Within a rounding of the result and what float makes of terms that cancel.
void expect_sums(const Tensor& actual, const Tensor& x, double divisor, const std::string& where) {
  const std::vector<double> expected = channel_sums(x);
  const auto values = actual.values<double>();
  ASSERT_EQ(values.size(), expected.size()) << where;
  for (std::size_t c = 0; c < expected.size(); ++c) {
    EXPECT_NEAR(values[c], expected[c] / divisor, 1e-7 * std::abs(expected[c] / divisor) + 1e-12)
        << where << " channel " << c;
  }
}

std::vector<Layout> layouts_for(const Shape& shape) {
  return {Layout{}, nchw_blocked(shape, 16), nchw_blocked(shape, 8), nhwc(shape)};
}

TEST(ManyValues, GlobalAveragePoolAndMeansAreExactToARounding) {
  for (const float mean : {0.0f, 1000.0f}) {
    for (const Shape& shape : {Shape{1, 2, 1000, 1000}, Shape{1, 20, 300, 200}}) {
      const Tensor x = random_tensor(shape, 1, mean - 1, mean + 1);
      const Shape y{1, shape[1], 1, 1};
      const auto plane = static_cast<double>(shape.count(2, 4));
      for (const Layout& layout : layouts_for(shape)) {
        const auto pooled = run_op(cpu_backend(), "GlobalAveragePool", {}, {x}, {{.shape = y}},
                                   {.layouts = {layout}});
        EXPECT_EQ(pooled.family, "cpu");
        expect_sums(pooled.outputs[0], x, plane, concat("pool ", to_string(layout)));
      }
      const Attrs axes{{"axes", Ints{2, 3}}, {"keepdims", std::int64_t{1}}};
      const auto reduced = run_op(cpu_backend(), "ReduceMean", axes, {x}, {{.shape = y}});
      EXPECT_EQ(reduced.family, "cpu");
      expect_sums(reduced.outputs[0], x, plane, "ReduceMean");
    }
  }
}

TEST(ManyValues, TheGradientOfABiasIsExactToARounding) {
  for (const float mean : {0.0f, 1000.0f}) {
    const Shape x_shape{2, 3, 250, 250}, dy_shape{2, 20, 250, 250}, w{20, 3, 3, 3};
    const Attrs attrs{{"kernel_shape", Ints{3, 3}}, {"strides", Ints{1, 1}},
                      {"pads", Ints{1, 1, 1, 1}},   {"dilations", Ints{1, 1}},
                      {"group", std::int64_t{1}},   {"weight_shape", Ints{20, 3, 3, 3}}};
    const Tensor x = random_tensor(x_shape, 1);
    const Tensor dy = random_tensor(dy_shape, 2, mean - 1, mean + 1);
    for (const Layout& layout : {Layout{}, nchw_blocked(dy_shape, 16), nhwc(dy_shape)}) {
      const auto conv =
          run_op(cpu_backend(), "ConvGradWeights", attrs, {x, dy},
                 {{.shape = w}, {.shape = Shape{20}}}, {.layouts = {Layout{}, layout}});
      EXPECT_NE(conv.family, "reference");
      expect_sums(conv.outputs[1], dy, 1, concat("conv, dy ", to_string(layout)));
    }
    const Tensor rows = random_tensor({200000, 3}, 1);
    const Tensor above = random_tensor({200000, 5}, 2, mean - 1, mean + 1);
    const auto linear = run_op(cpu_backend(), "LinearGradWeights", {{"trans_w", std::int64_t{1}}},
                               {rows, above}, {{.shape = Shape{5, 3}}, {.shape = Shape{5}}});
    EXPECT_NE(linear.family, "reference");
    expect_sums(linear.outputs[1], above, 1, "linear");
  }
}

}  // namespace
}  // namespace temper::cpu
