// Convolutions of few channels with 16 samples side by side, and what takes that layout from them:
// against the reference, the same bits on any number of threads.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "backends/cpu/lane_conv_kernels.h"
#include "backends/cpu/tensor_layouts.h"
#include "tests/backends/cpu/window_cases.h"

namespace temper::cpu {
namespace {

constexpr const char* kDescription = "vector over samples";

std::vector<ConvCase> few_channels() {
  return {
      {{32, 1, 28, 28}, {6, 1, 5, 5}, {1, 1}, {2, 2, 2, 2}, {1, 1}},
      {{16, 6, 14, 14}, {16, 6, 5, 5}, {1, 1}, {0, 0, 0, 0}, {1, 1}},
      {{48, 1, 16, 16}, {32, 1, 4, 4}, {2, 2}, {1, 1, 1, 1}, {1, 1}},
      {{16, 40, 4, 4}, {1, 40, 4, 4}, {1, 1}, {0, 0, 0, 0}, {1, 1}},
      {{16, 3, 9, 7}, {13, 3, 3, 3}, {2, 1}, {1, 0, 2, 1}, {1, 1}},
      {{16, 5, 11, 10}, {7, 5, 3, 2}, {3, 2}, {2, 1, 0, 3}, {2, 3}},
      {{16, 4, 6, 6}, {9, 4, 1, 1}, {1, 1}, {0, 0, 0, 0}, {1, 1}},
      {{16, 4, 7, 7}, {3, 4, 1, 1}, {2, 2}, {0, 0, 0, 0}, {1, 1}},
      {{32, 8, 20}, {16, 8, 5}, {2}, {2, 2}, {1}},
      // so many samples that a few at a time have zeros around them
      {{144, 16, 8, 8}, {32, 16, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}},
      {{112, 8, 12, 12}, {16, 8, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}},
  };
}

std::vector<std::int64_t> dims(const Shape& shape) { return {shape.begin(), shape.end()}; }

// Runs on one thread and on two; the bits are the same.
RunResult run_both(std::string_view op, const Attrs& attrs, const std::vector<Tensor>& inputs,
                   const std::vector<Value>& outputs) {
  const RunResult one = expect_matches_reference(op, attrs, inputs, outputs, {.threads = 1});
  RunResult two = expect_matches_reference(op, attrs, inputs, outputs, {.threads = 2});
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    EXPECT_EQ(one.outputs[i].values<float>(), two.outputs[i].values<float>());
  }
  EXPECT_EQ(two.kernel->description, kDescription);
  return two;
}

class LaneConv : public testing::Test {
 protected:
  void SetUp() override {
    if (lane_conv_kernels() == nullptr) {
      GTEST_SKIP() << "the processor has no registers for it";
    }
  }
};

TEST_F(LaneConv, ForwardEqualsTheReference) {
  for (const ConvCase& c : few_channels()) {
    SCOPED_TRACE(to_string(c.x) + " " + to_string(c.w));
    const Tensor x = random_tensor(c.x, 1), w = random_tensor(c.w, 2);
    const Tensor b = random_tensor(Shape{c.w[0]}, 3);
    const auto run = run_both("Conv", c.attrs(), {x, w, b}, {{.shape = c.y()}});
    EXPECT_EQ(run.kernel->output_layouts[0], sample_blocks(c.y()));
    run_both("Conv", c.attrs(), {x, w}, {{.shape = c.y()}});
    Attrs relu = c.attrs();
    relu.set("relu", std::int64_t{1});
    run_both("Conv", relu, {x, w, b}, {{.shape = c.y()}});
    relu.set("ceiling", 0.3);
    run_both("Conv", relu, {x, w, b}, {{.shape = c.y()}});
  }
}

TEST_F(LaneConv, GradientsEqualTheReference) {
  for (const ConvCase& c : few_channels()) {
    SCOPED_TRACE(to_string(c.x) + " " + to_string(c.w));
    const Tensor x = random_tensor(c.x, 1), w = random_tensor(c.w, 2), dy = random_tensor(c.y(), 3);
    Attrs attrs = c.attrs();
    attrs.set("input_shape", dims(c.x));
    attrs.set("weight_shape", dims(c.w));
    run_both("ConvGradData", attrs, {w, dy}, {{.shape = c.x}});
    run_both("ConvGradWeights", attrs, {x, dy}, {{.shape = c.w}, {.shape = Shape{c.w[0]}}});
    run_both("ConvGradWeights", attrs, {x, dy}, {{.shape = c.w}});
  }
}

TEST_F(LaneConv, RectifiedNanStaysNan) {
  const ConvCase c = few_channels()[1];
  Tensor x = random_tensor(c.x, 1);
  x.span<float>()[5] = std::numeric_limits<float>::quiet_NaN();
  Attrs relu = c.attrs();
  relu.set("relu", std::int64_t{1});
  relu.set("ceiling", 6.0);
  const auto run =
      run_op(cpu_backend(), "Conv", relu, {x, random_tensor(c.w, 2)}, {{.shape = c.y()}});
  EXPECT_EQ(run.kernel->description, kDescription);
  const std::vector<float> y = run.outputs[0].values<float>();
  EXPECT_TRUE(std::isnan(y[5]));
  EXPECT_TRUE(std::isnan(y[1]));
  EXPECT_FALSE(std::isnan(y[6]));
}

TEST_F(LaneConv, Bf16GoesByWayOfF32) {
  for (const ConvCase& c : {few_channels()[0], few_channels()[1]}) {
    SCOPED_TRACE(to_string(c.x) + " " + to_string(c.w));
    const Tensor x = random_tensor(c.x, 1).to_plain(DType::kBFloat16);
    const Tensor w = random_tensor(c.w, 2).to_plain(DType::kBFloat16);
    const auto narrow = run_op(cpu_backend(), "Conv", c.attrs(), {x, w},
                               {{.dtype = DType::kBFloat16, .shape = c.y()}});
    const auto wide =
        run_op(cpu_backend(), "Conv", c.attrs(),
               {x.to_plain(DType::kFloat32), w.to_plain(DType::kFloat32)}, {{.shape = c.y()}});
    EXPECT_EQ(narrow.family, "cpu via f32");
    EXPECT_EQ(narrow.kernel->output_layouts[0], sample_blocks(c.y()));
    EXPECT_EQ(narrow.outputs[0].values<float>(),
              wide.outputs[0].to_plain(DType::kBFloat16).values<float>());
  }
}

TEST_F(LaneConv, OtherBatchesAndManyChannelsAreLeftToOthers) {
  for (const ConvCase& c :
       {ConvCase{{24, 1, 8, 8}, {6, 1, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}},
        ConvCase{{16, 32, 9, 9}, {32, 32, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}},
        ConvCase{{16, 4, 8, 8}, {8, 2, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 2}}) {
    SCOPED_TRACE(to_string(c.x) + " " + to_string(c.w));
    const auto run = expect_matches_reference(
        "Conv", c.attrs(), {random_tensor(c.x, 1), random_tensor(c.w, 2)}, {{.shape = c.y()}});
    EXPECT_NE(run.kernel->description, kDescription);
  }
}

TEST(SampleBlocks, PoolingTakesThem) {
  for (const PoolCase& c : {PoolCase{{32, 6, 9, 9}, {32, 6, 5, 5}, {3, 3}, {2, 2}, {1, 1, 1, 1}},
                            PoolCase{{16, 3, 8, 8}, {16, 3, 4, 4}, {2, 2}, {2, 2}, {0, 0, 0, 0}}}) {
    const Layout in = sample_blocks(c.x), out = sample_blocks(c.y);
    const Tensor x = random_tensor(c.x, 1), dy = random_tensor(c.y, 2);
    const Value absent{.dtype = DType::kUndefined}, saved{.dtype = DType::kOpaque};
    const std::vector<Value> outputs{{.shape = c.y}, absent, saved};
    const auto forward =
        expect_matches_reference("MaxPool", c.attrs(), {x}, outputs, {.layouts = {in}}, 0);
    EXPECT_EQ(forward.kernel->input_layouts[0], in);
    EXPECT_EQ(forward.kernel->output_layouts[0], out);
    const auto expected = run_op(reference_backend(), "MaxPool", c.attrs(), {x}, outputs);
    const auto dx_expected =
        run_op(reference_backend(), "MaxPoolGrad", c.attrs(), {dy, expected.outputs[2]},
               {{.shape = c.x}}, {.forward = expected.kernel.get()});
    const auto dx = run_op(cpu_backend(), "MaxPoolGrad", c.attrs(), {dy, forward.outputs[2]},
                           {{.shape = c.x}}, {.layouts = {out}, .forward = forward.kernel.get()});
    EXPECT_EQ(dx.kernel->output_layouts[0], in);
    expect_close(dx.outputs[0], dx_expected.outputs[0], 1e-6, "MaxPoolGrad");
    expect_matches_reference("AveragePool", c.attrs(), {x}, {{.shape = c.y}}, {.layouts = {in}});
  }
}

TEST(SampleBlocks, BatchNormTakesThem) {
  const Shape shape{32, 12, 5, 3}, channels{12};
  const auto forward = expect_matches_reference(
      "BatchNormTrain", {},
      {random_tensor(shape, 1), random_tensor(channels, 2), random_tensor(channels, 3),
       random_tensor(channels, 4), random_tensor(channels, 5, 0.5f, 2)},
      {{.shape = shape},
       {.shape = channels},
       {.shape = channels},
       {.shape = channels},
       {.shape = channels}},
      {.layouts = {sample_blocks(shape)}});
  EXPECT_EQ(forward.kernel->input_layouts[0], sample_blocks(shape));
  EXPECT_EQ(forward.kernel->output_layouts[0], sample_blocks(shape));
}

}  // namespace
}  // namespace temper::cpu
