// Kernels of whole numbers, casts and functions of one f32 where the op suite does not look: large
// angles, many elements on several threads.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "tests/backends/cpu/kernel_run.h"

namespace temper::cpu {
namespace {

std::vector<double> of(const char* op, const std::vector<float>& x) {
  const Shape shape{static_cast<std::int64_t>(x.size())};
  const Tensor given = Tensor::from<float>(DType::kFloat32, shape, std::span(x));
  const auto made = run_op(cpu_backend(), op, {}, {given}, {{.shape = shape}});
  EXPECT_EQ(made.family, "cpu");
  return made.outputs[0].values<double>();
}

TEST(CpuFloatFunctions, SineAndCosineOfAnyAngle) {
  std::vector<float> x;
  for (int i = -200000; i <= 200000; ++i) {
    x.push_back(static_cast<float>(i) * 0.0371f);
  }
  for (const float large : {8192.0f, 8193.0f, -1e6f, 3e20f, 1e-30f, -1e-42f}) {
    x.push_back(large);
  }
  const std::vector<double> sine = of("Sin", x), cosine = of("Cos", x);
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double angle = static_cast<double>(x[i]);
    worst = std::max(
        {worst, std::abs(sine[i] - std::sin(angle)), std::abs(cosine[i] - std::cos(angle))});
  }
  EXPECT_LT(worst, 1.2e-7);
  EXPECT_EQ(sine.back(), static_cast<double>(x.back()));
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const double value : of("Cos", {kInfinity, -kInfinity, std::nanf("")})) {
    EXPECT_TRUE(std::isnan(value));
  }
}

// Broadcast along the middle axis, enough elements for two threads whose border lies within a row.
TEST(CpuWholeNumbers, BroadcastOnSeveralThreads) {
  const Shape a{3, 1, 257}, b{311, 1}, y{3, 311, 257};
  std::vector<std::int64_t> left, right;
  for (std::int64_t i = 0; i < a.element_count(); ++i) {
    left.push_back(i * 7 % 100);
  }
  for (std::int64_t i = 0; i < b.element_count(); ++i) {
    right.push_back(i % 90);
  }
  const Tensor first = Tensor::from<std::int64_t>(DType::kInt64, a, std::span(left));
  const Tensor second = Tensor::from<std::int64_t>(DType::kInt64, b, std::span(right));
  for (const auto& [op, dtype] :
       {std::pair{"Sub", DType::kInt64}, std::pair{"Less", DType::kBool}}) {
    const std::vector<Value> outputs = {{.dtype = dtype, .shape = y}};
    const auto made = run_op(cpu_backend(), op, {}, {first, second}, outputs, {.threads = 2});
    const auto expected = run_op(reference_backend(), op, {}, {first, second}, outputs);
    EXPECT_EQ(made.family, "cpu");
    EXPECT_EQ(made.outputs[0].values<double>(), expected.outputs[0].values<double>()) << op;
  }
}

}  // namespace
}  // namespace temper::cpu
