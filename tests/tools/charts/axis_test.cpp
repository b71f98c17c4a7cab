// Ticks stand at round numbers inside the axis and say so briefly.
#include "tools/charts/axis.h"

#include <gtest/gtest.h>

#include <cmath>

namespace temper::charts {
namespace {

std::vector<std::string> labels(const Axis& axis) {
  std::vector<std::string> found;
  for (const Tick& tick : axis.ticks) {
    if (!tick.label.empty()) {
      found.push_back(tick.label);
    }
  }
  return found;
}

using Labels = std::vector<std::string>;

TEST(Axis, StandsAtRoundNumbers) {
  EXPECT_EQ(labels(rounded_axis(0.07, 0.93, 6)), (Labels{"0", "0.2", "0.4", "0.6", "0.8", "1.0"}));
  EXPECT_EQ(labels(rounded_axis(2.1, 2.29, 6)), (Labels{"2.10", "2.15", "2.20", "2.25", "2.30"}));
  EXPECT_EQ(labels(fitted_axis(0, 12'000, 6)),
            (Labels{"0", "2,000", "4,000", "6,000", "8,000", "10,000", "12,000"}));
  EXPECT_EQ(labels(rounded_axis(1e-4, 3e-4, 3)), (Labels{"0", "1e-4", "2e-4", "3e-4"}));
}

TEST(Axis, OfWholeNumbersHasNoFractions) {
  EXPECT_EQ(labels(fitted_axis(1, 3, 8, 1)), (Labels{"1", "2", "3"}));
}

TEST(Axis, WithLogarithmNumbersTheDecades) {
  EXPECT_EQ(labels(log_axis(1e-5, 1)), (Labels{"1e-5", "1e-4", "0.001", "0.01", "0.1", "1"}));
  EXPECT_EQ(labels(log_axis(0.1, 2.0)), (Labels{"0.1", "0.2", "0.5", "1", "2"}));
}

TEST(Axis, WithLogarithmHasEqualDistancesForEqualRatios) {
  const Axis axis = log_axis(1e-3, 10);
  EXPECT_NEAR(axis.fraction(0.1) - axis.fraction(0.01), axis.fraction(10) - axis.fraction(1),
              1e-12);
  EXPECT_DOUBLE_EQ(axis.fraction(axis.low), 0);
  EXPECT_DOUBLE_EQ(axis.fraction(axis.high), 1);
}

TEST(Axis, HasFewTicksInsideItsRangeForAnyData) {
  for (const double low : {-1e290, -3.7, 0.0, 1e-12, 0.999, 12'345.0, 1e15}) {
    for (const double extent : {0.0, 1e-9, 0.1, 7.0, 1e6, 1e290}) {
      for (const Axis& axis :
           {rounded_axis(low, low + extent, 6), fitted_axis(low, low + extent, 8)}) {
        EXPECT_GE(axis.ticks.size(), 1u) << low << " " << extent;
        EXPECT_LE(axis.ticks.size(), 12u) << low << " " << extent;
        for (const Tick& tick : axis.ticks) {
          EXPECT_GE(axis.fraction(tick.value), -1e-3) << low << " " << extent;
          EXPECT_LE(axis.fraction(tick.value), 1.001) << low << " " << extent;
        }
      }
    }
  }
}

TEST(NumberText, IsShort) {
  EXPECT_EQ(number_text(0.98611, 3), "0.986");
  EXPECT_EQ(number_text(1.0, 3), "1");
  EXPECT_EQ(number_text(0, 3), "0");
  EXPECT_EQ(number_text(12'345.6, 3), "12,346");
  EXPECT_EQ(number_text(3.21e-5, 3), "3.21e-5");
  EXPECT_EQ(number_text(-2.5e7, 3), "-2.5e7");
}

}  // namespace
}  // namespace temper::charts
