// BatchNormTrain and its gradient on the CPU: against the reference in several layouts, and against
// the formulas in double where channels have many values or a large mean.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "backends/cpu/norm_kernels.h"
#include "tests/backends/cpu/kernel_run.h"

namespace temper::cpu {
namespace {

enum { kY, kNewMean, kNewVar, kMean, kVar, kDx, kDScale, kDBias, kResults };

struct NormCase {
  Shape shape;
  std::int64_t relu = 0;
  Tensor x, dy, scale, bias, old_mean, old_var;
  double ceiling = 0;  // of the ReLU; 0: none

  Attrs attrs() const {
    Attrs attrs{
        {"epsilon", 1e-5}, {"momentum", 0.9}, {"unbiased", std::int64_t{1}}, {"relu", relu}};
    if (ceiling > 0) {
      attrs.set("ceiling", ceiling);
    }
    return attrs;
  }
};

NormCase made(const Shape& shape, std::int64_t relu, Tensor x) {
  const Shape channels{shape[1]};
  return {shape,
          relu,
          std::move(x),
          random_tensor(shape, 2),
          random_tensor(channels, 3, 0.5f, 2),
          random_tensor(channels, 4),
          random_tensor(channels, 5),
          random_tensor(channels, 6, 0.5f, 2)};
}

// Normal values around a mean.
Tensor normal_tensor(const Shape& shape, float mean) {
  std::mt19937 generator(1);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<std::size_t>(shape.element_count()));
  std::generate(values.begin(), values.end(), [&] { return mean + normal(generator); });
  return Tensor::from<float>(DType::kFloat32, shape, values);
}

// Outputs of the forward and of the gradient.
std::vector<Tensor> run_both(const Backend& backend, const NormCase& c, const Layout& layout,
                             int threads) {
  const Value channels{.shape = Shape{c.shape[1]}}, whole{.dtype = c.x.dtype(), .shape = c.shape};
  const Value saved{.dtype = c.relu ? DType::kOpaque : DType::kUndefined};
  auto forward =
      run_op(backend, "BatchNormTrain", c.attrs(), {c.x, c.scale, c.bias, c.old_mean, c.old_var},
             {whole, channels, channels, channels, channels, saved},
             {.threads = threads, .layouts = {layout}});
  std::vector<Tensor> inputs{c.dy, c.x, c.scale, c.bias, forward.outputs[3], forward.outputs[4]};
  if (c.relu) {
    inputs.push_back(forward.outputs[5]);
  }
  const auto gradient =
      run_op(backend, "BatchNormTrainGrad", c.attrs(), inputs, {whole, channels, channels},
             {.threads = threads, .layouts = {layout, layout}, .forward = forward.kernel.get()});
  if (&backend == &cpu_backend()) {
    EXPECT_EQ(forward.family, "cpu");
    EXPECT_EQ(gradient.family, "cpu");
  }
  std::vector<Tensor> all(forward.outputs.begin(), forward.outputs.begin() + 5);
  all.insert(all.end(), gradient.outputs.begin(), gradient.outputs.end());
  return all;
}

std::vector<Layout> layouts_for(const Shape& shape) {
  if (shape.rank() == 2) {
    return {Layout{}};
  }
  return {Layout{}, nchw_blocked(shape, 16), nchw_blocked(shape, 8), nhwc(shape)};
}

TEST(CpuBatchNorm, TrainingAndItsGradientEqualTheReference) {
  for (const Shape& shape :
       {Shape{4, 16, 6, 6}, Shape{4, 20, 5, 5}, Shape{3, 32, 4, 4, 4}, Shape{2, 3, 8, 8},
        Shape{8, 32}, Shape{7, 21}, Shape{3, 5, 1}, Shape{2, 37, 3, 5}}) {
    for (const std::int64_t relu : {0, 1, 2}) {
      NormCase c = made(shape, std::min<std::int64_t>(relu, 1), random_tensor(shape, 1));
      c.ceiling = relu == 2 ? 0.75 : 0;
      const auto expected = run_both(reference_backend(), c, Layout{}, 1);
      for (const Layout& layout : layouts_for(shape)) {
        SCOPED_TRACE(concat(to_string(shape), " relu ", relu, " ", to_string(layout)));
        const auto actual = run_both(cpu_backend(), c, layout, 2);
        for (std::size_t i = 0; i < kResults; ++i) {
          expect_close(actual[i], expected[i], 2e-6, concat("result ", i));
        }
      }
    }
  }
}

// The same numbers in bf16, and those in f32 again.
Tensor in_type(DType dtype, const Tensor& x) {
  return Tensor::from<float>(dtype, x.shape(), x.values<float>());
}

// bf16 goes in and out by the kernel itself, what it computes is in f32: each element is the
// reference's for the same numbers in f32, rounded once, and the statistics are not rounded.
TEST(CpuBatchNorm, OfBfloat16ComputesInF32AndRoundsOnce) {
  for (const Shape& shape : {Shape{4, 16, 6, 6}, Shape{4, 20, 5, 5}, Shape{8, 32},
                             Shape{2, 3, 8, 8}, Shape{2, 37, 3, 5}, Shape{3, 64, 33, 31}}) {
    for (const std::int64_t relu : {0, 1, 2}) {
      NormCase c = made(shape, std::min<std::int64_t>(relu, 1), random_tensor(shape, 1));
      c.ceiling = relu == 2 ? 0.75 : 0;
      NormCase rounded = c;
      rounded.x = in_type(DType::kBFloat16, c.x);
      rounded.dy = in_type(DType::kBFloat16, c.dy);
      c.x = in_type(DType::kFloat32, rounded.x);
      c.dy = in_type(DType::kFloat32, rounded.dy);
      const auto expected = run_both(reference_backend(), c, Layout{}, 1);
      for (const Layout& layout : layouts_for(shape)) {
        SCOPED_TRACE(concat(to_string(shape), " relu ", relu, " ", to_string(layout)));
        const auto actual = run_both(cpu_backend(), rounded, layout, 2);
        for (std::size_t i = 0; i < kResults; ++i) {
          const bool is_rounded = actual[i].dtype() == DType::kBFloat16;
          EXPECT_EQ(is_rounded, i == kY || i == kDx);
          expect_close(actual[i], expected[i], is_rounded ? 0x1p-8 : 2e-6, concat("result ", i));
        }
      }
    }
  }
}

// The results of one channel by the formulas, in double throughout.
struct ChannelTruth {
  double mean = 0, var = 0, dscale = 0, dbias = 0;
  double terms = 0;  // the root of the sum of squares of the terms of dscale: its noise's measure
  std::vector<double> y, dx;
};

ChannelTruth truth_of(const NormCase& c, std::int64_t channel) {
  const std::int64_t plane = c.shape.count(2, c.shape.rank());
  std::vector<double> x, dy;
  const auto all_x = c.x.values<float>(), all_dy = c.dy.values<float>();
  for (std::int64_t n = 0; n < c.shape[0]; ++n) {
    for (std::int64_t i = 0; i < plane; ++i) {
      const auto at = static_cast<std::size_t>((n * c.shape[1] + channel) * plane + i);
      x.push_back(static_cast<double>(all_x[at]));
      dy.push_back(static_cast<double>(all_dy[at]));
    }
  }
  const auto n = static_cast<double>(x.size());
  ChannelTruth t;
  for (const double v : x) {
    t.mean += v / n;
  }
  for (const double v : x) {
    t.var += (v - t.mean) * (v - t.mean) / n;
  }
  const auto at = static_cast<std::size_t>(channel);
  const double scale = c.scale.values<double>()[at], bias = c.bias.values<double>()[at];
  const double r = 1 / std::sqrt(t.var + 1e-5);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double h = (x[i] - t.mean) * r;
    const double y = h * scale + bias;
    t.y.push_back(c.relu && y < 0 ? 0 : y);
    dy[i] = c.relu && y <= 0 ? 0 : dy[i];
    t.dbias += dy[i];
    t.dscale += dy[i] * h;
    t.terms += dy[i] * h * dy[i] * h;
  }
  t.terms = std::sqrt(t.terms);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double h = (x[i] - t.mean) * r;
    t.dx.push_back(r * scale * (dy[i] - t.dbias / n - h * t.dscale / n));
  }
  return t;
}

// The largest difference over the largest value, of one channel.
double error_of(const Tensor& actual, const std::vector<double>& expected, const Shape& shape,
                std::int64_t channel) {
  const std::int64_t plane = shape.count(2, shape.rank());
  const auto values = actual.values<float>();
  double worst = 0, largest = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const std::int64_t n = static_cast<std::int64_t>(i) / plane;
    const std::int64_t at = (n * shape[1] + channel) * plane + static_cast<std::int64_t>(i) % plane;
    worst = std::max(
        worst, std::abs(static_cast<double>(values[static_cast<std::size_t>(at)]) - expected[i]));
    largest = std::max(largest, std::abs(expected[i]));
  }
  return worst / largest;
}

// PyTorch's own errors on such channels are 2.5e-7 (mean 0) and 8e-4 (mean 1e5).
void expect_near_truth(const NormCase& c, const std::vector<Tensor>& results) {
  for (const std::int64_t channel : {std::int64_t{0}, c.shape[1] - 1}) {
    SCOPED_TRACE(concat("channel ", channel));
    const ChannelTruth t = truth_of(c, channel);
    const auto at = [&](std::size_t i) {
      return results[i].values<double>()[static_cast<std::size_t>(channel)];
    };
    EXPECT_NEAR(at(kMean), t.mean, 1e-7 * std::max(1.0, std::abs(t.mean)));
    EXPECT_NEAR(at(kVar), t.var, 2e-7 * t.var);
    EXPECT_LT(error_of(results[kY], t.y, c.shape, channel), 3e-7);
    EXPECT_LT(error_of(results[kDx], t.dx, c.shape, channel), 5e-7);
    EXPECT_NEAR(at(kDScale), t.dscale, 1e-6 * t.terms + 2e-7 * std::abs(t.dscale));
    EXPECT_NEAR(at(kDBias), t.dbias, 1e-6 * t.terms + 2e-7 * std::abs(t.dbias));
  }
}

TEST(CpuBatchNorm, ManyValuesAndALargeMeanCostNoDigits) {
  for (const Shape& shape : {Shape{8, 20, 100, 100}, Shape{80000, 3}, Shape{2, 3, 200, 100}}) {
    for (const float mean : {0.0f, 1e5f}) {
      for (const std::int64_t relu : {0, 1}) {
        const NormCase c = made(shape, relu, normal_tensor(shape, mean));
        for (const Layout& layout : layouts_for(shape)) {
          SCOPED_TRACE(
              concat(to_string(shape), " mean ", mean, " relu ", relu, " ", to_string(layout)));
          expect_near_truth(c, run_both(cpu_backend(), c, layout, 2));
        }
        SCOPED_TRACE(concat(to_string(shape), " mean ", mean, " on the reference backend"));
        expect_near_truth(c, run_both(reference_backend(), c, Layout{}, 1));
      }
    }
  }
}

TEST(CpuBatchNorm, BitsDoNotDependOnTheNumberOfThreads) {
  for (const Shape& shape : {Shape{8, 33, 50, 60}, Shape{40000, 3}, Shape{4, 3, 100, 100}}) {
    const NormCase c = made(shape, 1, normal_tensor(shape, 3));
    for (const Layout& layout : layouts_for(shape)) {
      SCOPED_TRACE(concat(to_string(shape), " ", to_string(layout)));
      const auto one = run_both(cpu_backend(), c, layout, 1);
      const auto three = run_both(cpu_backend(), c, layout, 3);
      for (std::size_t i = 0; i < kResults; ++i) {
        EXPECT_TRUE(equal_bits(one[i], three[i])) << "result " << i;
      }
    }
  }
}

// Both sets of loops on rows of `width` lanes: what they add up and what they write.
template <class T>
std::vector<double> results_of(const NormKernels<T>& kernels, int width, bool relu) {
  constexpr std::int64_t kCount = 37, kStride = 20;
  std::mt19937 generator(7);
  std::normal_distribution<float> normal(0.5f, 2.0f);
  std::vector<T> x(kCount * kStride), dy(x.size()), y(x.size(), T(-7.0f)), dx = y;
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] = T(normal(generator));
    dy[i] = T(normal(generator));
  }
  x[2 * kStride] = T(std::numeric_limits<float>::quiet_NaN());
  const NormRows rows{kCount, kStride, width};
  LaneMoments moments;
  LaneAffine affine;
  LaneGradient gradient;
  LaneGradientSums sums;
  affine.ceiling = 3.0f;
  for (int lane = 0; lane < kNormLanes; ++lane) {
    moments.shift[lane] = affine.mean[lane] = normal(generator);
    affine.factor[lane] = normal(generator);
    affine.bias[lane] = normal(generator);
    gradient.slope[lane] = normal(generator);
    gradient.constant[lane] = normal(generator);
  }
  kernels.moments({kCount - 3, kStride, width}, x.data() + 3 * kStride, moments);
  kernels.normalise(rows, x.data(), affine, relu, y.data());
  kernels.gradient_sums({kCount - 3, kStride, width}, x.data() + 3 * kStride, dy.data(), affine,
                        relu, sums);
  kernels.gradient(rows, x.data(), dy.data(), affine, relu, gradient, dx.data());
  std::vector<double> all;
  for (int lane = 0; lane < kNormLanes; ++lane) {
    all.insert(all.end(), {moments.sum[lane], moments.square[lane], sums.g[lane], sums.gc[lane],
                           sums.c[lane]});
  }
  for (std::size_t i = 0; i < y.size(); ++i) {
    for (const T value : {y[i], dx[i]}) {
      const auto wide = static_cast<double>(static_cast<float>(value));
      all.push_back(std::isnan(wide) ? 1e300 : wide);
    }
  }
  return all;
}

template <class T>
void expect_same_bits() {
  const NormKernels<T>* wide = wide_norm_kernels<T>();
  for (const int width : {16, 8, 5, 1}) {
    for (const bool relu : {false, true}) {
      const std::vector<double> narrow = results_of(narrow_norm_kernels<T>(), width, relu);
      if (wide != nullptr) {
        EXPECT_EQ(results_of(*wide, width, relu), narrow) << width << " lanes, relu " << relu;
      }
      EXPECT_GT(narrow[1], 0.0);
    }
  }
}

TEST(NormLoops, HaveTheSameBitsInRegistersOfEveryLength) {
  expect_same_bits<float>();
  expect_same_bits<BFloat16>();
}

}  // namespace
}  // namespace temper::cpu
