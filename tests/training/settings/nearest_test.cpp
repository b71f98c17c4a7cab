// Which known word a misspelt one is taken for.
#include <gtest/gtest.h>

#include "training/settings/component.h"

namespace temper::training {
namespace {

TEST(Nearest, CountsASwapOfNeighboursAsOneEdit) {
  // adam is two edits away (w left out, m and a swapped), adamw one.
  EXPECT_EQ(nearest("admaw", {"adam", "adamax", "adamw"}), "adamw");
  EXPECT_EQ(nearest("sdg", {"lsg", "sgd", "sag"}), "sgd");
  EXPECT_EQ(nearest("otpimizer", {"optimizers", "optimizer"}), "optimizer");
  EXPECT_EQ(nearest("ab", {"b", "ba"}), "b") << "equal distances: the first";
  EXPECT_EQ(nearest("ca", {"abc"}), "") << "no letter is edited twice: three edits";
}

TEST(Nearest, IsNothingWhereNothingIsNear) {
  EXPECT_EQ(nearest("zzzzzz", {"adam", "sgd"}), "");
  EXPECT_EQ(nearest("", {"adam"}), "");
  EXPECT_EQ(nearest("adam", {}), "");
}

}  // namespace
}  // namespace temper::training
