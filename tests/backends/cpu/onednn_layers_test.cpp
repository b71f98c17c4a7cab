// Pooling, softmax and reorders on oneDNN against the reference, in several
// layouts.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/backends/cpu/window_cases.h"

namespace temper::cpu {
namespace {

using Ints = std::vector<std::int64_t>;

const Value kSaved{.dtype = DType::kOpaque};
const Value kAbsent{.dtype = DType::kUndefined};

std::vector<Layout> layouts_for(const Shape& shape) {
  return {Layout{}, nchw_blocked(shape, 16), nchw_blocked(shape, 8), nhwc(shape)};
}

TEST(CpuMaxPool, ValueAndGradientEqualTheReference) {
  for (const PoolCase& c : pool_cases()) {
    const Tensor x = random_tensor(c.x, 1), dy = random_tensor(c.y, 2);
    const auto saved =
        run_op(reference_backend(), "MaxPool", c.attrs(), {x}, {{.shape = c.y}, kAbsent, kSaved});
    const auto expected =
        run_op(reference_backend(), "MaxPoolGrad", c.attrs(), {dy, saved.outputs[2]},
               {{.shape = c.x}}, {.forward = saved.kernel.get()});
    for (const Layout& layout : layouts_for(c.x)) {
      SCOPED_TRACE(to_string(c.x) + " " + to_string(layout));
      const auto forward = expect_matches_reference(
          "MaxPool", c.attrs(), {x}, {{.shape = c.y}, kAbsent, kSaved}, {.layouts = {layout}}, 0);
      const auto grad = run_op(
          cpu_backend(), "MaxPoolGrad", c.attrs(), {dy, forward.outputs[2]}, {{.shape = c.x}},
          {.layouts = {forward.kernel->output_layouts[0]}, .forward = forward.kernel.get()});
      EXPECT_EQ(grad.family, forward.family);
      expect_close(grad.outputs[0], expected.outputs[0], 1e-6, "MaxPoolGrad");
      expect_matches_reference("MaxPool", c.attrs(), {x}, {{.shape = c.y}}, {.layouts = {layout}},
                               0);
    }
  }
}

// A maximum of bf16 is one of them; gradients that meet in an element are added up in f32.
TEST(CpuMaxPool, OfBfloat16TakesTheSameElementsAndRoundsTheGradientOnce) {
  const auto in_type = [](DType dtype, const Tensor& x) {
    return Tensor::from<float>(dtype, x.shape(), x.values<float>());
  };
  for (const PoolCase& c : pool_cases()) {
    const Tensor x = in_type(DType::kBFloat16, random_tensor(c.x, 1));
    const Tensor dy = in_type(DType::kBFloat16, random_tensor(c.y, 2));
    const auto expected = run_op(reference_backend(), "MaxPool", c.attrs(),
                                 {in_type(DType::kFloat32, x)}, {{.shape = c.y}, kAbsent, kSaved});
    const auto expected_dx = run_op(reference_backend(), "MaxPoolGrad", c.attrs(),
                                    {in_type(DType::kFloat32, dy), expected.outputs[2]},
                                    {{.shape = c.x}}, {.forward = expected.kernel.get()});
    for (const Layout& layout : layouts_for(c.x)) {
      SCOPED_TRACE(to_string(c.x) + " " + to_string(layout));
      const auto y = run_op(cpu_backend(), "MaxPool", c.attrs(), {x},
                            {{.dtype = DType::kBFloat16, .shape = c.y}, kAbsent, kSaved},
                            {.layouts = {layout}});
      EXPECT_EQ(y.family, "cpu");
      expect_close(y.outputs[0], expected.outputs[0], 0, "MaxPool");
      const auto dx = run_op(cpu_backend(), "MaxPoolGrad", c.attrs(), {dy, y.outputs[2]},
                             {{.dtype = DType::kBFloat16, .shape = c.x}},
                             {.layouts = {y.kernel->output_layouts[0]}, .forward = y.kernel.get()});
      EXPECT_EQ(dx.family, "cpu");
      expect_close(dx.outputs[0], expected_dx.outputs[0], 0x1p-8, "MaxPoolGrad");
    }
  }
}

TEST(CpuMaxPool, NanPropagatesAndTheFirstMaximumWins) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  const float low = -std::numeric_limits<float>::infinity();
  const std::vector<float> values{1, 1, kNan, 7, 1, 1, 2, kNan, low, low, 0, 0, low, low, 0, 0};
  const PoolCase c{{1, 1, 4, 4}, {1, 1, 2, 2}, {2, 2}, {2, 2}, {0, 0, 0, 0}};
  const Tensor x = Tensor::from<float>(DType::kFloat32, c.x, values);
  const auto y =
      run_op(cpu_backend(), "MaxPool", c.attrs(), {x}, {{.shape = c.y}, kAbsent, kSaved});
  EXPECT_EQ(y.family, "cpu");
  const auto maxima = y.outputs[0].values<float>();
  EXPECT_EQ(maxima[0], 1);
  EXPECT_TRUE(std::isnan(maxima[1]));
  EXPECT_EQ(maxima[2], low);
  EXPECT_EQ(maxima[3], 0);
  const Tensor dy = Tensor::from<float>(DType::kFloat32, c.y, std::vector<float>{1, 2, 3, 4});
  const auto dx = run_op(cpu_backend(), "MaxPoolGrad", c.attrs(), {dy, y.outputs[2]},
                         {{.shape = c.x}}, {.forward = y.kernel.get()});
  EXPECT_EQ(dx.outputs[0].values<float>(),
            (std::vector<float>{1, 0, 2, 0, 0, 0, 0, 0, 3, 0, 4, 0, 0, 0, 0, 0}));
}

TEST(OneDnnPool, AverageAndItsGradientEqualTheReference) {
  for (const PoolCase& c : pool_cases()) {
    for (const std::int64_t include : {0, 1}) {
      Attrs attrs = c.attrs();
      attrs.set("count_include_pad", include);
      const Tensor x = random_tensor(c.x, 1), dy = random_tensor(c.y, 2);
      const bool refused = include == 1 && c.ceil_mode == 1;
      for (const Layout& layout : layouts_for(c.x)) {
        SCOPED_TRACE(to_string(c.x) + " " + to_string(layout));
        const auto y = run_op(cpu_backend(), "AveragePool", attrs, {x}, {{.shape = c.y}},
                              {.layouts = {layout}});
        EXPECT_EQ(y.family, refused ? "cpu" : "onednn");
        const auto expected =
            run_op(reference_backend(), "AveragePool", attrs, {x}, {{.shape = c.y}});
        expect_close(y.outputs[0], expected.outputs[0], 1e-6, "AveragePool");
        expect_matches_reference("AveragePoolGrad", attrs, {dy}, {{.shape = c.x}},
                                 {.layouts = {y.kernel->output_layouts[0]}});
      }
    }
  }
}

TEST(OneDnnPool, GlobalAverageEqualsTheReference) {
  for (const Shape& shape : {Shape{2, 16, 7, 7}, Shape{2, 20, 5, 6}, Shape{3, 8, 9}}) {
    Shape y = shape;
    for (int axis = 2; axis < y.rank(); ++axis) {
      y[axis] = 1;
    }
    for (const Layout& layout : layouts_for(shape)) {
      SCOPED_TRACE(to_string(shape) + " " + to_string(layout));
      expect_matches_reference("GlobalAveragePool", {}, {random_tensor(shape, 1)}, {{.shape = y}},
                               {.layouts = {layout}});
    }
  }
}

TEST(OneDnnSoftmax, EqualsTheReferenceOnEveryAxis) {
  for (const Shape& shape : {Shape{64, 10}, Shape{3, 1000}, Shape{2, 5, 7}}) {
    for (std::int64_t axis = 0; axis < shape.rank(); ++axis) {
      for (const char* op : {"Softmax", "LogSoftmax"}) {
        SCOPED_TRACE(concat(op, " ", to_string(shape), " axis ", axis));
        const Tensor x = random_tensor(shape, 1, -30, 30);
        const Attrs attrs{{"axis", axis}};
        const auto expected = run_op(reference_backend(), op, attrs, {x}, {{.shape = shape}});
        const auto actual = run_op(cpu_backend(), op, attrs, {x}, {{.shape = shape}});
        expect_close(actual.outputs[0], expected.outputs[0], 2e-6, actual.kernel->description);
      }
    }
  }
}

TEST(CpuReorder, KeepsEveryElementAndZeroPadding) {
  for (const Shape& shape : {Shape{2, 16, 5, 5}, Shape{2, 20, 3, 7}, Shape{1, 3, 4, 4}}) {
    for (const Layout& from : layouts_for(shape)) {
      for (const Layout& to : layouts_for(shape)) {
        SCOPED_TRACE(to_string(shape) + " " + to_string(from) + " to " + to_string(to));
        const Tensor x = random_tensor(shape, 1);
        const auto result = run_op(cpu_backend(), "Reorder", {}, {x},
                                   {{.shape = shape, .layout = to}}, {.layouts = {from}});
        EXPECT_NE(result.family, "reference");  // ours where the library has no code for it
        EXPECT_TRUE(result.physical[0].layout() == to);
        EXPECT_TRUE(equal_bits(result.outputs[0], x));
      }
    }
  }
}

}  // namespace
}  // namespace temper::cpu
