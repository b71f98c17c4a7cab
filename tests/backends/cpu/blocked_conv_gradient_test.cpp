// The gradient of a convolution's weights with channels in blocks: against the reference, with
// windows that reach over the borders, steps, gaps, an odd block of outputs, and more positions
// than are summed at once.
#include <gtest/gtest.h>

#include "backends/cpu/library.h"
#include "tests/backends/cpu/kernel_run.h"

namespace temper::cpu {
namespace {

using Ints = std::vector<std::int64_t>;

struct GradientCase {
  Shape x, w, y;
  Ints strides, dilations, pads;

  Attrs attrs() const {
    const Ints kernel(w.begin() + 2, w.end());
    return {{"kernel_shape", kernel},
            {"strides", strides},
            {"dilations", dilations},
            {"pads", pads},
            {"input_shape", Ints(x.begin(), x.end())},
            {"weight_shape", Ints(w.begin(), w.end())},
            {"group", std::int64_t{1}}};
  }
};

std::vector<GradientCase> gradient_cases() {
  return {
      {{3, 32, 3, 3}, {16, 32, 3, 3}, {3, 16, 3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},
      {{3, 16, 6, 5}, {48, 16, 3, 3}, {3, 48, 3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}},
      {{2, 16, 7, 4}, {32, 16, 3, 2}, {2, 32, 3, 3}, {1, 1}, {2, 1}, {0, 0, 0, 0}},
      {{70, 32, 2, 2}, {32, 32, 3, 3}, {70, 32, 2, 2}, {1, 1}, {1, 1}, {1, 1, 1, 1}},
      {{300, 16, 2, 2}, {16, 16, 5, 5}, {300, 16, 2, 2}, {1, 1}, {1, 1}, {2, 2, 2, 2}},
      {{2, 16, 1, 1}, {16, 16, 3, 3}, {2, 16, 3, 3}, {1, 1}, {1, 1}, {2, 2, 2, 2}},
      {{300, 32, 12}, {16, 32, 4}, {300, 16, 7}, {2}, {1}, {2, 2}},
  };
}

TEST(CpuBlockedConvGradient, OfTheWeightsEqualsTheReference) {
  const int block = static_cast<int>(register_channels());
  for (const GradientCase& c : gradient_cases()) {
    const Tensor x = random_tensor(c.x, 1), dy = random_tensor(c.y, 2);
    for (const bool bias : {false, true}) {
      for (const int threads : {1, 2}) {
        SCOPED_TRACE(concat(to_string(c.x), " ", to_string(c.w), bias ? " with bias" : ""));
        std::vector<Value> outputs{{.shape = c.w, .layout_free = true}};
        if (bias) {
          outputs.push_back({.shape = Shape{c.w[0]}});
        }
        const auto result = expect_matches_reference(
            "ConvGradWeights", c.attrs(), {x, dy}, outputs,
            {.threads = threads, .layouts = {nchw_blocked(c.x, block), nchw_blocked(c.y, block)}},
            2e-6);
        EXPECT_EQ(result.family, "cpu");
        EXPECT_EQ(result.kernel->description, "blocks in registers");
      }
    }
  }
}

TEST(CpuBlockedConvGradient, IsOfWholeBlocksOnly) {
  const int block = static_cast<int>(register_channels());
  const GradientCase c{{2, 20, 5, 5}, {16, 20, 3, 3}, {2, 16, 5, 5}, {1, 1}, {1, 1}, {1, 1, 1, 1}};
  const auto result = expect_matches_reference(
      "ConvGradWeights", c.attrs(), {random_tensor(c.x, 1), random_tensor(c.y, 2)},
      {{.shape = c.w, .layout_free = true}},
      {.layouts = {nchw_blocked(c.x, block), nchw_blocked(c.y, block)}});
  EXPECT_NE(result.kernel->description, "blocks in registers");
}

}  // namespace
}  // namespace temper::cpu
