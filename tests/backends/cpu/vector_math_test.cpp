// The approximations of vector_math.h, as the vector loops run them, against the C library in
// double.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "backends/cpu/vector_loops.h"

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
double worst(Unary op, F exact, float low, float high) {
  constexpr int kSteps = 200001;
  std::vector<float> x(kSteps), y(kSteps);
  for (int i = 0; i < kSteps; ++i) {
    x[static_cast<std::size_t>(i)] = low + (high - low) * (static_cast<float>(i) / (kSteps - 1));
  }
  unary_loop(op, x.data(), y.data(), kSteps, 0, 0);
  double largest = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    largest = std::max(largest, error_in_ulps(y[i], exact(static_cast<double>(x[i]))));
  }
  return largest;
}

// The same element in the vector body and in the tail.
float one(Unary op, float x) {
  std::vector<float> values(37, x);
  unary_loop(op, values.data(), values.data(), 37, 0, 0);
  EXPECT_TRUE(values.front() == values.back() || std::isnan(x) || std::isnan(values.front()));
  return values.back();
}

TEST(VectorMath, ErrorsStayBelowTwoUnitsInTheLastPlace) {
  const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  EXPECT_LT(worst(Unary::kExp, [](double x) { return std::exp(x); }, -87.0f, 88.7f), 2);
  EXPECT_LT(worst(Unary::kExp, [](double x) { return std::exp(x); }, -103.0f, -87.0f), 2);
  EXPECT_LT(worst(Unary::kLog, [](double x) { return std::log(x); }, 1e-6f, 4.0f), 2);
  EXPECT_LT(worst(Unary::kLog, [](double x) { return std::log(x); }, 1.0f, 3e38f), 2);
  EXPECT_LT(worst(Unary::kLog, [](double x) { return std::log(x); }, 1e-45f, 1e-37f), 2);
  EXPECT_LT(worst(Unary::kTanh, [](double x) { return std::tanh(x); }, -12.0f, 12.0f), 2.5);
  EXPECT_LT(worst(Unary::kSigmoid, sigmoid, -80.0f, 30.0f), 3);
}

TEST(VectorMath, SpecialValuesFollowTheCLibrary) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(one(Unary::kExp, 0.0f), 1.0f);
  EXPECT_EQ(one(Unary::kExp, -kInfinity), 0.0f);
  EXPECT_EQ(one(Unary::kExp, kInfinity), kInfinity);
  EXPECT_TRUE(std::isnan(one(Unary::kExp, kNan)));
  EXPECT_EQ(one(Unary::kLog, 0.0f), -kInfinity);
  EXPECT_EQ(one(Unary::kLog, 1.0f), 0.0f);
  EXPECT_EQ(one(Unary::kLog, kInfinity), kInfinity);
  EXPECT_TRUE(std::isnan(one(Unary::kLog, -1.0f)));
  EXPECT_TRUE(std::isnan(one(Unary::kLog, kNan)));
  EXPECT_EQ(one(Unary::kTanh, kInfinity), 1.0f);
  EXPECT_EQ(one(Unary::kTanh, -kInfinity), -1.0f);
  EXPECT_EQ(one(Unary::kTanh, 0.0f), 0.0f);
  EXPECT_TRUE(std::isnan(one(Unary::kTanh, kNan)));
  EXPECT_EQ(one(Unary::kSigmoid, kInfinity), 1.0f);
  EXPECT_EQ(one(Unary::kSigmoid, -kInfinity), 0.0f);
  EXPECT_TRUE(std::isnan(one(Unary::kSigmoid, kNan)));
}

}  // namespace
}  // namespace temper::cpu
