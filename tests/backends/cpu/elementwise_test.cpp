// Own elementwise and reduction kernels against the reference: layouts, broadcasting, NaN, thread
// counts.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "backends/cpu/tensor_layouts.h"
#include "runtime/base/expression.h"
#include "tests/backends/cpu/kernel_run.h"

namespace temper::cpu {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

const char* const kUnary[] = {"Relu", "Neg",         "Abs",       "Sqrt",    "Reciprocal",
                              "Exp",  "Log",         "Tanh",      "Sigmoid", "LeakyRelu",
                              "Elu",  "HardSigmoid", "HardSwish", "Sign",    "Erf",
                              "Gelu", "Softplus",    "Selu",      "Celu",    "Clip"};
const char* const kBinary[] = {"Add", "Sub", "Mul", "Div", "Max", "Min"};

Attrs attrs_of(std::string_view op) {
  return op == "LeakyRelu" || op == "Elu" || op == "Celu" ? Attrs{{"alpha", 0.3}}
         : op == "Clip"                                   ? Attrs{{"min", -1.0}, {"max", 0.5}}
         : op == "HardSigmoid"                            ? Attrs{{"alpha", 0.2}, {"beta", 0.5}}
                                                          : Attrs{};
}

TEST(CpuElementwise, UnaryOpsEqualTheReferenceInEveryLayout) {
  for (const char* op : kUnary) {
    const bool positive = std::string_view(op) == "Log" || std::string_view(op) == "Sqrt";
    for (const Shape& shape : {Shape{2, 20, 5, 5}, Shape{2, 32, 3, 3}, Shape{1}, Shape{}}) {
      const Tensor x = random_tensor(shape, 1, positive ? 0.1f : -4, 4);
      std::vector<Layout> layouts{Layout{}};
      if (shape.rank() == 4) {
        layouts.push_back(nchw_blocked(shape, 16));
        layouts.push_back(nhwc(shape));
      }
      for (const Layout& layout : layouts) {
        SCOPED_TRACE(concat(op, " ", to_string(shape), " ", to_string(layout)));
        const auto result = expect_matches_reference(op, attrs_of(op), {x}, {{.shape = shape}},
                                                     {.layouts = {layout}}, 1e-6);
        if (!has_padding(shape, layout)) {
          EXPECT_TRUE(result.kernel->input_layouts[0] == layout) << "asked for a reorder";
        }
      }
    }
  }
}

TEST(CpuElementwise, SpecialValuesEqualTheReference) {
  const std::vector<float> values{kNan,  kInfinity, -kInfinity, 0.0f,    -0.0f, 1.0f,
                                  -1.0f, 1e-42f,    88.8f,      -104.0f, 3e38f, -3e38f};
  const auto n = static_cast<std::int64_t>(values.size());
  const Tensor x = Tensor::from<float>(DType::kFloat32, Shape{n}, values);
  for (const char* op : kUnary) {
    SCOPED_TRACE(op);
    const auto actual = run_op(cpu_backend(), op, attrs_of(op), {x}, {{.shape = x.shape()}});
    const auto expected =
        run_op(reference_backend(), op, attrs_of(op), {x}, {{.shape = x.shape()}});
    for (std::int64_t i = 0; i < n; ++i) {
      const float a = actual.outputs[0].span<float>()[static_cast<std::size_t>(i)];
      const float b = expected.outputs[0].span<float>()[static_cast<std::size_t>(i)];
      if (std::isnan(b)) {
        EXPECT_TRUE(std::isnan(a)) << values[static_cast<std::size_t>(i)];
      } else {
        EXPECT_TRUE(a == b || std::abs(a - b) <= 3e-7f * std::abs(b) + 1e-44f)
            << values[static_cast<std::size_t>(i)] << ": " << a << ", expected " << b;
      }
    }
  }
}

TEST(CpuElementwise, BinaryOpsBroadcastLikeTheReference) {
  const struct {
    Shape a, b, y;
  } cases[] = {
      {{4, 7}, {4, 7}, {4, 7}},
      {{64, 1200}, {1200}, {64, 1200}},
      {{4, 7}, {}, {4, 7}},
      {{1}, {4, 7}, {4, 7}},
      {{2, 3, 4, 5}, {3, 1, 1}, {2, 3, 4, 5}},
      {{3, 1, 5}, {4, 1}, {3, 4, 5}},
      {{1, 6}, {5, 1}, {5, 6}},
      {{300, 400}, {300, 1}, {300, 400}},
  };
  for (const char* op : kBinary) {
    for (const auto& c : cases) {
      SCOPED_TRACE(concat(op, " ", to_string(c.a), " ", to_string(c.b)));
      const Tensor a = random_tensor(c.a, 1), b = random_tensor(c.b, 2, 0.5f, 2);
      expect_matches_reference(op, {}, {a, b}, {{.shape = c.y}}, {}, 0);
    }
  }
}

TEST(CpuElementwise, EqualShapesKeepABlockedLayoutAndItsZeroPadding) {
  const Shape shape{2, 20, 5, 5};
  const Layout blocked = nchw_blocked(shape, 16);
  for (const char* op :
       {"Add", "Sub", "Mul", "Max", "Min", "ReluGrad", "TanhGrad", "SigmoidGrad"}) {
    SCOPED_TRACE(op);
    const auto result =
        expect_matches_reference(op, {}, {random_tensor(shape, 1), random_tensor(shape, 2)},
                                 {{.shape = shape}}, {.layouts = {blocked, Layout{}}}, 1e-6);
    EXPECT_TRUE(result.kernel->output_layouts[0] == blocked);
    EXPECT_TRUE(result.kernel->input_layouts[1] == blocked);
  }
  const auto divided =
      expect_matches_reference("Div", {}, {random_tensor(shape, 1), random_tensor(shape, 2, 1, 2)},
                               {{.shape = shape}}, {.layouts = {blocked, blocked}}, 0);
  EXPECT_TRUE(divided.kernel->input_layouts[0].plain) << "0 / 0 in the padding";
}

TEST(CpuElementwise, WhatVariesAlongOneAxisIsAddedInAnyLayoutWithoutPadding) {
  struct {
    Shape x, b;
    Layout layout;
    bool kept;
  } cases[] = {
      {{2, 32, 5, 3}, {32, 1, 1}, nchw_blocked({2, 32, 5, 3}, 16), true},
      {{2, 32, 5, 3}, {1, 32, 1, 1}, nhwc({2, 32, 5, 3}), true},
      {{32, 20, 5, 3}, {20, 1, 1}, sample_blocks({32, 20, 5, 3}), true},
      {{32, 1, 5, 3}, {3}, sample_blocks({32, 1, 5, 3}), true},
      {{32, 4, 5, 3}, {32, 1, 1, 1}, sample_blocks({32, 4, 5, 3}), true},
      {{32, 4, 300, 8}, {4, 1, 1}, sample_blocks({32, 4, 300, 8}), true},
      {{2, 20, 5, 3}, {20, 1, 1}, nchw_blocked({2, 20, 5, 3}, 16), false},
      {{2, 32, 5, 3}, {32, 5, 1}, nchw_blocked({2, 32, 5, 3}, 16), false},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(to_string(c.x) + " " + to_string(c.b) + " " + to_string(c.layout));
    const Tensor x = random_tensor(c.x, 1), b = random_tensor(c.b, 2);
    const auto sum =
        expect_matches_reference("Add", {}, {x, b}, {{.shape = c.x}}, {.layouts = {c.layout}}, 0);
    EXPECT_EQ(sum.kernel->output_layouts[0] == c.layout, c.kept);
    EXPECT_TRUE(sum.kernel->input_layouts[1].plain);
    expect_matches_reference("Sub", {}, {b, x}, {{.shape = c.x}}, {.layouts = {Layout{}, c.layout}},
                             0);
  }
}

// A bias beside channels in blocks or last: nothing is brought into the plain layout for it.
TEST(CpuElementwise, OneElementPerChannelKeepsTheLayoutOfTheChannels) {
  for (const Shape& shape : {Shape{2, 32, 5, 5}, Shape{1, 48, 41, 30}, Shape{3, 8, 3, 2, 5}}) {
    Shape each{shape[1]};
    for (int axis = 2; axis < shape.rank(); ++axis) {
      each.push_back(1);
    }
    const int block = shape[1] % 16 == 0 ? 16 : 8;
    for (const Layout& layout : {nchw_blocked(shape, block), nhwc(shape)}) {
      for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
        SCOPED_TRACE(concat(to_string(shape), " ", dtype, " ", to_string(layout)));
        const auto of_type = [&](const Tensor& x) {
          return Tensor::from<float>(dtype, x.shape(), x.values<float>());
        };
        const Tensor x = of_type(random_tensor(shape, 1)), b = of_type(random_tensor(each, 2));
        const Value y{.dtype = dtype, .shape = shape};
        for (const bool swapped : {false, true}) {
          const auto result = expect_matches_reference(
              "Sub", {}, swapped ? std::vector{b, x} : std::vector{x, b}, {y},
              {.layouts = {swapped ? Layout{} : layout, swapped ? layout : Layout{}}},
              dtype == DType::kBFloat16 ? 0x1p-8 : 0);
          EXPECT_EQ(result.family, "cpu");
          EXPECT_TRUE(result.kernel->output_layouts[0] == layout);
        }
      }
    }
  }
}

// Swish: x * sigmoid(x), and 2 more for those that ask.
Attrs swish(double plus) {
  using F = Functor;
  Expression program{1,
                     {{{F::kSigmoid}, {0, -1, -1}},
                      {{F::kMul}, {0, 1, -1}},
                      {{F::kConstant, plus}, {-1, -1, -1}},
                      {{F::kAdd}, {2, 3, -1}}},
                     {4}};
  Attrs attrs;
  set_expression(attrs, program);
  return attrs;
}

TEST(CpuElementwise, AProgramKeepsABlockedLayoutUnlessItFillsThePadding) {
  const Shape shape{2, 20, 5, 5};
  const Layout blocked = nchw_blocked(shape, 16);
  for (const double plus : {0.0, 2.0}) {
    const auto result =
        expect_matches_reference("FusedElementwise", swish(plus), {random_tensor(shape, 1)},
                                 {{.shape = shape}}, {.layouts = {blocked}}, 1e-6);
    EXPECT_EQ(result.family, "cpu");
    EXPECT_EQ(result.kernel->output_layouts[0] == blocked, plus == 0);
  }
}

TEST(CpuElementwise, APowerWithAConstantExponentEqualsTheReference) {
  const Tensor x = random_tensor({2000}, 1, 0.1f, 3);
  for (const float exponent : {-1.0f, 0.0f, 0.5f, 1.0f, 2.0f, 3.0f, 2.5f}) {
    SCOPED_TRACE(exponent);
    const Tensor e = Tensor::from<float>(DType::kFloat32, Shape{}, std::vector<float>{exponent});
    expect_matches_reference("Pow", {}, {x, e}, {{.shape = x.shape()}}, {}, 1e-6);
  }
}

TEST(CpuElementwise, ReluGradientIsZeroAtTheKink) {
  const Tensor dy = Tensor::from<float>(DType::kFloat32, Shape{3}, std::vector<float>{5, 6, 7});
  const Tensor y = Tensor::from<float>(DType::kFloat32, Shape{3}, std::vector<float>{0, 2, 0});
  const auto result = run_op(cpu_backend(), "ReluGrad", {}, {dy, y}, {{.shape = Shape{3}}});
  EXPECT_EQ(result.family, "cpu");
  EXPECT_EQ(result.outputs[0].values<float>(), (std::vector<float>{0, 6, 0}));
}

TEST(CpuReduce, EqualsTheReferenceForNeighbouringAxes) {
  const struct {
    Shape x;
    std::vector<std::int64_t> axes;
  } cases[] = {
      {{64, 10}, {0}},        {{64, 10}, {1}},
      {{3, 40000}, {1}},      {{500, 300}, {0}},
      {{70000}, {0}},         {{4, 5, 6, 7}, {1, 2}},
      {{4, 5, 6, 7}, {2, 3}}, {{4, 5, 6, 7}, {0, 1, 2, 3}},
      {{4, 1, 6}, {0, 2}},    {{300, 70, 2}, {2}},
      {{40, 5, 8}, {2}},
  };
  for (const char* op : {"ReduceSum", "ReduceMean"}) {
    for (const auto& c : cases) {
      SCOPED_TRACE(concat(op, " ", to_string(c.x)));
      Shape y;
      for (int axis = 0; axis < c.x.rank(); ++axis) {
        if (std::find(c.axes.begin(), c.axes.end(), axis) == c.axes.end()) {
          y.push_back(c.x[axis]);
        }
      }
      const Attrs attrs{{"axes", c.axes}, {"keepdims", std::int64_t{0}}};
      const Tensor x = random_tensor(c.x, 1, -1, 2);
      if (c.x == Shape{4, 1, 6}) {
        const auto other = run_op(cpu_backend(), op, attrs, {x}, {{.shape = y}});
        EXPECT_EQ(other.family, "cpu") << "axes of one element do not count";
      }
      const auto two = expect_matches_reference(op, attrs, {x}, {{.shape = y}}, {}, 1e-6);
      const auto one = run_op(cpu_backend(), op, attrs, {x}, {{.shape = y}}, {.threads = 1});
      EXPECT_TRUE(equal_bits(one.outputs[0], two.outputs[0])) << "depends on the thread count";
    }
  }
}

TEST(CpuReduce, SumsChannelsInTheirBlocks) {
  const Attrs attrs{{"axes", std::vector<std::int64_t>{0, 2, 3}}};
  const Tensor x = random_tensor(Shape{2, 20, 7, 5}, 1);
  OpQuery query = make_query("ReduceSum", attrs, {x}, {{.shape = Shape{20}}}, {});
  const KernelImpl& row = *cpu_backend().kernels().rows("ReduceSum").front();
  query.inputs[0].layout = channel_blocks(x.shape(), 16);
  const auto blocked = row.prepare(query);
  EXPECT_EQ(blocked->input_layouts.at(0), query.inputs[0].layout);
  query.inputs[0].layout = {};
  EXPECT_TRUE(row.supports(query).ok);
  EXPECT_TRUE(row.prepare(query)->input_layouts.empty());
}

}  // namespace
}  // namespace temper::cpu
