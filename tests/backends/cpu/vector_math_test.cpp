// The approximations of vector_math.h, as the vector loops run them, against the C library in
// double.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "backends/cpu/functor_loops.h"

namespace temper::cpu {
namespace {

// Distance in units in the last place of the exact value's float.
double error_in_ulps(float actual, double exact) {
  const float rounded = static_cast<float>(exact);
  if (std::isinf(rounded) || rounded == actual) {
    return rounded == actual ? 0 : std::numeric_limits<double>::infinity();
  }
  const double ulp = static_cast<double>(std::nextafter(std::abs(rounded), INFINITY)) -
                     static_cast<double>(std::abs(rounded));
  return std::abs(static_cast<double>(actual) - exact) / ulp;
}

template <class F>
double worst(Functor op, F exact, float low, float high) {
  constexpr int kSteps = 200001;
  std::vector<float> x(kSteps), y(kSteps);
  for (int i = 0; i < kSteps; ++i) {
    x[static_cast<std::size_t>(i)] = low + (high - low) * (static_cast<float>(i) / (kSteps - 1));
  }
  unary_loop({op, 1, 1}, x.data(), y.data(), kSteps);
  double largest = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    largest = std::max(largest, error_in_ulps(y[i], exact(static_cast<double>(x[i]))));
  }
  return largest;
}

// The same element in the vector body and in the tail.
float one(Functor op, float x) {
  std::vector<float> values(37, x);
  unary_loop({op, 1, 1}, values.data(), values.data(), 37);
  EXPECT_TRUE(values.front() == values.back() || std::isnan(x) || std::isnan(values.front()));
  return values.back();
}

TEST(VectorMath, ErrorsStayBelowAFewUnitsInTheLastPlace) {
  const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  EXPECT_LT(worst(Functor::kExp, [](double x) { return std::exp(x); }, -87.0f, 88.7f), 2);
  EXPECT_LT(worst(Functor::kExp, [](double x) { return std::exp(x); }, -103.0f, -87.0f), 2);
  EXPECT_LT(worst(Functor::kLog, [](double x) { return std::log(x); }, 1e-6f, 4.0f), 2);
  EXPECT_LT(worst(Functor::kLog, [](double x) { return std::log(x); }, 1.0f, 3e38f), 2);
  EXPECT_LT(worst(Functor::kLog, [](double x) { return std::log(x); }, 1e-45f, 1e-37f), 2);
  EXPECT_LT(worst(Functor::kTanh, [](double x) { return std::tanh(x); }, -12.0f, 12.0f), 2.5);
  EXPECT_LT(worst(Functor::kSigmoid, sigmoid, -80.0f, 30.0f), 3);
  EXPECT_LT(worst(Functor::kErf, [](double x) { return std::erf(x); }, -5.0f, 5.0f), 2.5);
  EXPECT_LT(worst(Functor::kErf, [](double x) { return std::erf(x); }, -1e-3f, 1e-3f), 2.5);
}

// Near 0 the result is as exact as x; in the tails the rounding of the functor's own steps counts.
TEST(VectorMath, ActivationsAreAsExactAsTheirFormulas) {
  const auto gelu = [](double x) { return 0.5 * x * std::erfc(-x * std::sqrt(0.5)); };
  const auto softplus = [](double x) { return std::log1p(std::exp(x)); };
  const auto elu = [](double x) { return x > 0 ? x : std::expm1(x); };
  EXPECT_LT(worst(Functor::kGelu, gelu, -1.0f, 6.0f), 4);
  EXPECT_LT(worst(Functor::kGelu, gelu, -5.0f, -1.0f), 40);
  EXPECT_LT(worst(Functor::kSoftplus, softplus, -80.0f, 80.0f), 4);
  EXPECT_LT(worst(Functor::kSelu, elu, -20.0f, 5.0f), 4);
  EXPECT_LT(worst(Functor::kSelu, elu, -1e-3f, 1e-3f), 4);
}

TEST(VectorMath, SpecialValuesFollowTheCLibrary) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(one(Functor::kExp, 0.0f), 1.0f);
  EXPECT_EQ(one(Functor::kExp, -kInfinity), 0.0f);
  EXPECT_EQ(one(Functor::kExp, kInfinity), kInfinity);
  EXPECT_TRUE(std::isnan(one(Functor::kExp, kNan)));
  EXPECT_EQ(one(Functor::kLog, 0.0f), -kInfinity);
  EXPECT_EQ(one(Functor::kLog, 1.0f), 0.0f);
  EXPECT_EQ(one(Functor::kLog, kInfinity), kInfinity);
  EXPECT_TRUE(std::isnan(one(Functor::kLog, -1.0f)));
  EXPECT_TRUE(std::isnan(one(Functor::kLog, kNan)));
  EXPECT_EQ(one(Functor::kTanh, kInfinity), 1.0f);
  EXPECT_EQ(one(Functor::kTanh, -kInfinity), -1.0f);
  EXPECT_EQ(one(Functor::kTanh, 0.0f), 0.0f);
  EXPECT_TRUE(std::isnan(one(Functor::kTanh, kNan)));
  EXPECT_EQ(one(Functor::kSigmoid, kInfinity), 1.0f);
  EXPECT_EQ(one(Functor::kSigmoid, -kInfinity), 0.0f);
  EXPECT_TRUE(std::isnan(one(Functor::kSigmoid, kNan)));
  EXPECT_EQ(one(Functor::kErf, kInfinity), 1.0f);
  EXPECT_EQ(one(Functor::kErf, -kInfinity), -1.0f);
  EXPECT_EQ(one(Functor::kErf, 0.0f), 0.0f);
  EXPECT_TRUE(std::isnan(one(Functor::kErf, kNan)));
  EXPECT_EQ(one(Functor::kGelu, kInfinity), kInfinity);
  EXPECT_EQ(one(Functor::kGelu, 1e30f), 1e30f);
  EXPECT_EQ(one(Functor::kGelu, -1e30f), 0.0f);
  EXPECT_TRUE(std::isnan(one(Functor::kGelu, kNan)));
  EXPECT_EQ(one(Functor::kSoftplus, kInfinity), kInfinity);
  EXPECT_EQ(one(Functor::kSoftplus, -kInfinity), 0.0f);
  EXPECT_EQ(one(Functor::kSelu, -kInfinity), -1.0f);
}

}  // namespace
}  // namespace temper::cpu
