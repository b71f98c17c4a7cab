// Kernels over rows and elements: the same bits for any number of threads, and rows that are hard
// to normalise.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "runtime/base/expression.h"
#include "tests/backends/cpu/kernel_run.h"

namespace temper::cpu {
namespace {

const Shape kShape{300, 257};
const Shape kRow{257};

void expect_same_bits(const char* op, const Attrs& attrs, const std::vector<Tensor>& inputs,
                      const std::vector<Value>& outputs) {
  const RunResult one = run_op(cpu_backend(), op, attrs, inputs, outputs, {.threads = 1});
  EXPECT_EQ(one.family, "cpu") << op;
  for (const int threads : {2, 3, 7}) {
    const RunResult more = run_op(cpu_backend(), op, attrs, inputs, outputs, {.threads = threads});
    for (std::size_t i = 0; i < one.outputs.size(); ++i) {
      EXPECT_EQ(std::memcmp(one.outputs[i].data(), more.outputs[i].data(),
                            static_cast<std::size_t>(one.outputs[i].bytes())),
                0)
          << op << ", output " << i << ", " << threads << " threads";
    }
  }
}

TEST(CpuRows, ThreadsDoNotChangeABit) {
  const Tensor x = random_tensor(kShape, 1), dy = random_tensor(kShape, 2);
  const Tensor scale = random_tensor(kRow, 3), bias = random_tensor(kRow, 4);
  const Value y{.shape = kShape}, row{.shape = kRow};
  const Attrs last{{"axis", std::int64_t{1}}};
  expect_same_bits("RowNorm", last, {x, scale, bias}, {y});
  expect_same_bits("RowNormGrad", last, {x, scale, bias, dy}, {y, row, row});
  expect_same_bits("SoftmaxGrad", last, {dy, x}, {y});
  expect_same_bits("LogSoftmaxGrad", last, {dy, x}, {y});
  expect_same_bits("Gelu", {}, {x}, {y});
  const Tensor position =
      Tensor::from<std::int64_t>(DType::kInt64, Shape{}, std::vector<std::int64_t>{5});
  expect_same_bits("DropoutTrain",
                   {{"ratio", 0.3}, {"seed", std::int64_t{1}}, {"random_id", std::int64_t{2}}},
                   {x, position}, {y, {.dtype = DType::kBool, .shape = kShape}});
  Attrs program;
  using F = Functor;
  set_expression(program, {2, {{{F::kSigmoid}, {0, -1, -1}}, {{F::kMul}, {2, 1, -1}}}, {2, 3}});
  expect_same_bits("FusedElementwise", program, {x, bias}, {y, y});
}

TEST(CpuRows, ALargeMeanCostsNoMoreThanItsRounding) {
  Tensor x = random_tensor({4, 1000}, 1);
  for (float& value : x.span<float>()) {
    value += 1000;
  }
  expect_matches_reference("RowNorm", {{"axis", std::int64_t{1}}}, {x}, {{.shape = {4, 1000}}}, {},
                           2e-4);
}

TEST(CpuRows, TheExtremumOfALongRowIsTheFirstOrTheLastOfEqualOnes) {
  for (const std::int64_t last_wins : {0, 1}) {
    for (const char* op : {"ArgMax", "ArgMin"}) {
      const float peak = std::string_view(op) == "ArgMax" ? 5.0f : -5.0f;
      for (const auto& [first, second] : {std::pair{3, 1290}, {256, 257}, {0, 1299}, {511, 512}}) {
        Tensor x = random_tensor({1, 1300}, 7);
        x.span<float>()[static_cast<std::size_t>(first)] = peak;
        x.span<float>()[static_cast<std::size_t>(second)] = peak;
        const RunResult result =
            run_op(cpu_backend(), op, {{"axis", std::int64_t{1}}, {"select_last_index", last_wins}},
                   {x}, {{.dtype = DType::kInt64, .shape = {1, 1}}});
        EXPECT_EQ(result.family, "cpu");
        EXPECT_EQ(result.outputs[0].span<std::int64_t>()[0], last_wins != 0 ? second : first);
      }
    }
  }
}

// Along the last axis, along others, along both, with elements cut off, and further than a period.
TEST(CpuRows, PaddingByTheInputsElementsIsTheReferences) {
  using Ints = std::vector<std::int64_t>;
  const struct {
    Shape x, y;
    Ints pads;
  } cases[] = {{{30, 500}, {30, 507}, {0, 3, 0, 4}},
               {{3, 5, 40}, {3, 10, 40}, {0, 2, 0, 0, 3, 0}},
               {{2, 6, 70}, {4, 7, 72}, {1, -1, 4, 1, 2, -2}},
               {{4, 9}, {4, 9}, {-1, 0, 1, 0}},
               {{3}, {24}, {8, 13}}};
  for (const char* mode : {"reflect", "edge", "wrap"}) {
    for (const auto& c : cases) {
      SCOPED_TRACE(concat(mode, " ", to_string(c.x)));
      Attrs attrs{{"mode", std::string(mode)}, {"pads", c.pads}};
      const auto padded =
          expect_matches_reference("Pad", attrs, {random_tensor(c.x, 1)}, {{.shape = c.y}}, {}, 0);
      EXPECT_EQ(padded.family, "cpu");
      attrs.set("input_shape", Ints(c.x.begin(), c.x.end()));
      const auto gradient = expect_matches_reference("PadGrad", attrs, {random_tensor(c.y, 2)},
                                                     {{.shape = c.x}}, {}, 1e-6);
      EXPECT_EQ(gradient.family, "cpu");
    }
  }
  const Attrs attrs{{"mode", std::string("reflect")}, {"pads", Ints{0, 9, 0, 9}}};
  expect_same_bits("Pad", attrs, {random_tensor(kShape, 3)}, {{.shape = {300, 275}}});
  Attrs gradient = attrs;
  gradient.set("input_shape", Ints{300, 257});
  expect_same_bits("PadGrad", gradient, {random_tensor(Shape{300, 275}, 3)}, {{.shape = kShape}});
}

// Real and complex lines, cut off and filled up, of one side and back from it.
TEST(CpuRows, TransformsOfLinesAreTheReferences) {
  const struct {
    Shape x, y;
    std::int64_t length, inverse, onesided;
  } cases[] = {{{40, 400, 1}, {40, 257, 2}, 512, 0, 1}, {{3, 7, 64, 2}, {3, 7, 64, 2}, 64, 0, 0},
               {{5, 90, 1}, {5, 60, 2}, 60, 0, 0},      {{9, 33, 2}, {9, 33, 2}, 33, 1, 0},
               {{6, 26, 2}, {6, 50, 1}, 50, 1, 1},      {{1, 5, 2}, {1, 9, 1}, 9, 1, 1}};
  for (const auto& c : cases) {
    SCOPED_TRACE(concat(to_string(c.x), " to ", to_string(c.y)));
    Attrs attrs{{"axis", static_cast<std::int64_t>(c.x.rank() - 2)},
                {"dft_length", c.length},
                {"inverse", c.inverse},
                {"onesided", c.onesided}};
    const auto made =
        expect_matches_reference("DFT", attrs, {random_tensor(c.x, 1)}, {{.shape = c.y}}, {}, 2e-5);
    EXPECT_EQ(made.family, "cpu");
    attrs.set("input_shape", std::vector<std::int64_t>(c.x.begin(), c.x.end()));
    const auto back = expect_matches_reference("DFTGrad", attrs, {random_tensor(c.y, 2)},
                                               {{.shape = c.x}}, {}, 2e-5);
    EXPECT_EQ(back.family, "cpu");
  }
}

// Bytes with and without signs, groups, strides, pads, one zero point or one for each channel.
TEST(CpuRows, ConvolutionsOfBytesAreTheReferences) {
  using Ints = std::vector<std::int64_t>;
  const struct {
    Shape x, w, y;
    std::int64_t group;
    Ints strides, pads, dilations;
  } cases[] = {{{2, 6, 9, 11}, {8, 6, 3, 3}, {2, 8, 9, 11}, 1, {1, 1}, {1, 1, 1, 1}, {1, 1}},
               {{1, 8, 9, 11}, {8, 1, 3, 3}, {1, 8, 5, 6}, 8, {2, 2}, {1, 1, 1, 1}, {1, 1}},
               {{1, 16, 7, 7}, {4, 16, 1, 1}, {1, 4, 7, 7}, 1, {1, 1}, {0, 0, 0, 0}, {1, 1}},
               {{1, 2, 8, 9}, {4, 1, 2, 3}, {1, 4, 8, 4}, 2, {1, 3}, {2, 3, 0, 2}, {2, 2}}};
  const auto bytes = [](const Shape& shape, DType dtype, unsigned seed) {
    const Tensor drawn = random_tensor(shape, seed, 0, 250);
    std::vector<std::int64_t> values;
    for (const float value : drawn.span<float>()) {
      values.push_back(static_cast<std::int64_t>(value) - (dtype == DType::kInt8 ? 125 : 0));
    }
    return Tensor::from<std::int64_t>(dtype, shape, values);
  };
  unsigned seed = 1;
  for (const auto& c : cases) {
    for (const DType x : {DType::kUInt8, DType::kInt8}) {
      for (const DType w : {DType::kUInt8, DType::kInt8}) {
        for (const bool per_channel : {false, true}) {
          const Attrs attrs{{"group", c.group},
                            {"kernel_shape", Ints{c.w[2], c.w[3]}},
                            {"strides", c.strides},
                            {"pads", c.pads},
                            {"dilations", c.dilations}};
          const std::vector<Tensor> inputs{bytes(c.x, x, ++seed), bytes(c.w, w, ++seed),
                                           bytes(Shape{}, x, ++seed),
                                           bytes(per_channel ? Shape{c.w[0]} : Shape{}, w, ++seed)};
          const std::vector<Value> outputs{{.dtype = DType::kInt32, .shape = c.y}};
          const auto expected = run_op(reference_backend(), "ConvInteger", attrs, inputs, outputs);
          const auto made = run_op(cpu_backend(), "ConvInteger", attrs, inputs, outputs);
          EXPECT_EQ(made.family, "cpu");
          EXPECT_TRUE(equal_bits(made.outputs[0], expected.outputs[0])) << to_string(c.x);
        }
      }
    }
  }
}

}  // namespace
}  // namespace temper::cpu
