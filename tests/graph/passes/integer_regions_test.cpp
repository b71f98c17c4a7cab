// Products between roundings to bytes: which become ops of bytes, what follows them into these, and
// what stays. Numbers are of closed forms, on the reference backend.
#include "graph/passes/integer_regions.h"

#include <gtest/gtest.h>

#include <string>

#include "graph/ir/verify.h"
#include "graph/passes/cleanup.h"
#include "tests/graph/small_graph.h"

namespace temper::test {
namespace {

// Says that it has a kernel of bytes for everything, or for nothing.
class FastBackend : public Backend {
 public:
  explicit FastBackend(bool has_kernels) {
    for (const char* op : {"IntegerConv", "IntegerMatMul", "IntegerAdd", "MaxPool", "Transpose"}) {
      table_.add(op, has_kernels ? "bytes" : "reference", {},
                 [](const OpQuery&) { return make_kernel([](const KernelArgs&) {}); });
    }
  }
  std::string_view name() const override { return "fast"; }
  const KernelTable& kernels() const override { return table_; }
  std::string fingerprint() const override { return "fast"; }

 private:
  KernelTable table_;
};

struct Net : SmallGraph {
  ValueId number(double value) { return constant({}, {value}); }
  ValueId byte(double value) { return constant({}, {value}, DType::kUInt8); }
  // To steps of `scale` and back.
  ValueId rounded(ValueId x, double scale, double zero) {
    return b.op("QuantizeDequantize", {x, number(scale), byte(zero)});
  }
  ValueId weight_of(const Shape& shape, const Doubles& values, const Doubles& scales,
                    std::int64_t axis, double zero = 0) {
    const Shape count{static_cast<std::int64_t>(scales.size())};
    const ValueId zeros = constant(count, Doubles(scales.size(), zero), DType::kInt8);
    return b.op("DequantizeLinear",
                {constant(shape, values, DType::kInt8), constant(count, scales), zeros},
                {{"axis", axis}});
  }
  void use(bool has_kernels = true) {
    graph::use_integer_regions(graph, FastBackend(has_kernels));
    graph::remove_dead_nodes(graph);
    verify(graph, "use_integer_regions");
  }
  ValueId y() const { return graph.outputs[0].value; }
};

// 1 x and 4 x of two channels, with a bias; x = 1 and 3.2, which is 3 in steps of 0.5.
struct ConvNet : Net {
  ValueId x = input("x", {1, 1, 1, 2});
  ValueId conv(double zero = 0) {
    return b.op("Conv", {rounded(x, 0.5, 10), weight_of({2, 1, 1, 1}, {2, 4}, {0.5, 1}, 0, zero),
                         constant({2}, {-2, 1})});
  }
  Doubles run_y() const { return run({{x, {1, 3.2}}}, y()); }
};

TEST(IntegerRegions, AConvolutionOfRoundedNumbersGivesFloats) {
  ConvNet g;
  g.output("y", g.conv());
  g.use();
  EXPECT_EQ(g.count("IntegerConv"), 1u);
  EXPECT_EQ(g.count("Conv"), 0u);
  EXPECT_EQ(g.count("QuantizeLinear"), 1u);
  EXPECT_EQ(g.count("DequantizeLinear"), 0u);
  EXPECT_EQ(g.run_y(), (Doubles{-1, 1, 5, 13}));
}

TEST(IntegerRegions, ItsResultIsRoundedAtOnceBehindItsRelu) {
  ConvNet g;
  g.output("y", g.rounded(g.b.op("Relu", {g.conv()}), 4, 0));
  g.use();
  EXPECT_EQ(g.count("IntegerConv"), 1u);
  EXPECT_EQ(g.count("Relu"), 0u);
  EXPECT_EQ(g.count("QuantizeLinear"), 1u);
  EXPECT_EQ(g.graph.value(g.producer(g.y()).inputs[0]).dtype, DType::kUInt8);
  EXPECT_EQ(g.run_y(), (Doubles{0, 0, 4, 12}));  // of 5 and 13
}

TEST(IntegerRegions, SignedStepsAreTheSameAboutAnotherZero) {
  ConvNet g;
  const ValueId x =
      g.b.op("QuantizeDequantize", {g.x, g.number(0.5), g.constant({}, {-3}, DType::kInt8)});
  g.output("y", g.b.op("Conv", {x, g.weight_of({2, 1, 1, 1}, {2, 4}, {0.5, 1}, 0)}));
  g.use();
  EXPECT_EQ(g.count("IntegerConv"), 1u);
  // -130 + 3 steps at least, 127 + 3 at most: -62.5 and 65
  EXPECT_EQ(g.run({{g.x, {-100, 100}}}, g.y()), (Doubles{-62.5, 65, -250, 260}));
}

TEST(IntegerRegions, WhatIsReadAsFloatsTooStaysThere) {
  ConvNet g;
  const ValueId y = g.conv();
  g.output("y", g.rounded(y, 4, 0));
  g.output("floats", y);
  g.use();
  EXPECT_EQ(g.count("IntegerConv"), 1u);
  EXPECT_EQ(g.run_y(), (Doubles{0, 0, 4, 12}));
  EXPECT_EQ(g.run({{g.x, {1, 3.2}}}, g.graph.outputs[1].value), (Doubles{-1, 1, 5, 13}));
}

TEST(IntegerRegions, NothingChangesWithoutKernelsOrWithAZeroPointOfTheWeight) {
  ConvNet none;
  none.output("y", none.conv());
  none.use(false);
  EXPECT_EQ(none.count("IntegerConv"), 0u);
  EXPECT_EQ(none.count("QuantizeDequantize"), 1u);
  EXPECT_EQ(none.run_y(), (Doubles{-1, 1, 5, 13}));
  ConvNet shifted;
  shifted.output("y", shifted.conv(1));
  shifted.use();
  EXPECT_EQ(shifted.count("IntegerConv"), 0u);
  EXPECT_EQ(shifted.count("QuantizeDequantize"), 1u);
}

TEST(IntegerRegions, AWeightThatTheGraphChangesStays) {
  ConvNet g;
  const VariableId scale = g.variable("scale", {});
  g.graph.variable(scale).initial = Tensor::scalar(DType::kFloat32, 0.5);
  const ValueId read = g.graph.read_variable(scale);
  const ValueId w =
      g.b.op("DequantizeLinear", {g.constant({2, 1, 1, 1}, {2, 4}, DType::kInt8), read});
  g.output("y", g.b.op("Conv", {g.rounded(g.x, 0.5, 10), w}));
  g.graph.add_update({scale, g.b.add(read, read), graph::UpdateBinding::Kind::kAttempt});
  g.use();
  EXPECT_EQ(g.count("IntegerConv"), 0u);
}

// relu(a + b) of two convolutions, rounded; then the largest of two, and a product with each.
TEST(IntegerRegions, SumsAndPoolsBetweenRoundingsAreOfBytes) {
  ConvNet g;
  const ValueId first = g.rounded(g.conv(), 1, 128), second = g.rounded(g.conv(), 2, 128);
  const ValueId sum = g.rounded(g.b.op("Relu", {g.b.add(first, second)}), 0.5, 0);
  const ValueId pooled =
      g.b.op("MaxPool", {sum}, {{"kernel_shape", std::vector<std::int64_t>{1, 2}}});
  const ValueId flat = g.b.reshape(pooled, {1, 2});
  g.output("y", g.b.op("Gemm", {flat, g.weight_of({2, 2}, {1, 2, 3, -4}, {0.5}, 0)},
                       {{"transB", std::int64_t{1}}}));
  g.use();
  EXPECT_EQ(g.count("IntegerConv"), 2u);
  EXPECT_EQ(g.count("IntegerAdd"), 1u);
  EXPECT_EQ(g.count("IntegerMatMul"), 1u);
  EXPECT_EQ(g.count("Add") + g.count("Relu") + g.count("Gemm"), 0u);
  EXPECT_EQ(g.count("QuantizeLinear"), 2u);  // x, once for each convolution
  EXPECT_EQ(g.count("DequantizeLinear") + g.count("QuantizeDequantize"), 0u);
  EXPECT_EQ(g.graph.value(g.graph.node(g.nodes("MaxPool")[0]).inputs[0]).dtype, DType::kUInt8);
  // Convolutions: -1, 1, 5, 13, in steps of 2: 0 (of -0.5), 0, 4 (of 2.5), 12 (of 6.5). Their sum
  // -1, 1, 9, 25; the largest 1 and 25.
  EXPECT_EQ(g.run_y(), (Doubles{0.5 * 1 + 25, 1.5 * 1 - 2 * 25}));
}

TEST(IntegerRegions, PartsAreJoinedInStepsOfTheWhole) {
  ConvNet g;
  const ValueId first = g.rounded(g.conv(), 1, 128), second = g.rounded(g.conv(), 2, 128);
  const ValueId joined =
      g.rounded(g.b.op("Concat", {first, second}, {{"axis", std::int64_t{1}}}), 4, 128);
  g.output("y", joined);
  g.use();
  EXPECT_EQ(g.count("IntegerAdd"), 2u);
  EXPECT_EQ(g.graph.value(g.graph.node(g.nodes("Concat")[0]).inputs[0]).dtype, DType::kUInt8);
  EXPECT_EQ(g.run_y(), (Doubles{0, 0, 4, 12, 0, 0, 4, 12}));
}

// What onnxruntime makes of a product of floats, as the importer reads it.
TEST(IntegerRegions, ADynamicProductTakesItsFactorAndBias) {
  Net g;
  const ValueId x = g.input("x", {2, 2});
  const std::vector<ValueId> range =
      g.b.ops("DynamicQuantizeLinear", {x}, 3, {}, {false, true, true});
  const ValueId back = g.b.op("QuantizeDequantize", {x, range[1], range[2]});
  const ValueId product =
      g.b.op("MatMul", {g.b.div(back, range[1]), g.constant({2, 2}, {1, -2, 3, 4})});
  const ValueId scaled = g.b.mul(product, g.b.mul(range[1], g.constant({2}, {0.5, 2})));
  g.output("y", g.b.op("Relu", {g.b.add(scaled, g.constant({2}, {1, 10}))}));
  g.use();
  EXPECT_EQ(g.count("IntegerMatMul"), 1u);
  EXPECT_EQ(g.count("MatMul") + g.count("Add") + g.count("Relu") + g.count("Div"), 0u);
  EXPECT_EQ(g.count("Mul"), 1u);  // of the scales
  EXPECT_EQ(g.count("QuantizeLinear") + g.count("QuantizeDequantize"), 0u);
  // -127.5 .. 127.5 in steps of 1 about 128: ties to even
  EXPECT_EQ(
      g.run({{x, {-127.5, 127.5, 1, 2}}}, g.y()),
      (Doubles{0.5 * (-128 + 3 * 127) + 1, 2 * (2 * 128 + 4 * 127) + 10, 0.5 * 7 + 1, 2 * 6 + 10}));
}

TEST(IntegerRegions, ATurnedWeightKeepsItsScales) {
  Net g;
  const ValueId x = g.input("x", {1, 2});
  const ValueId w = g.weight_of({2, 2}, {1, 2, 3, 4}, {1, 2}, 0);  // {1, 2}, {6, 8}
  g.output("y", g.b.op("MatMul", {g.rounded(x, 1, 0), g.b.transpose(w, {1, 0})}));
  g.use();
  EXPECT_EQ(g.count("IntegerMatMul"), 1u);
  EXPECT_EQ(g.run({{x, {10, 1}}}, g.y()), (Doubles{12, 68}));
}

}  // namespace
}  // namespace temper::test
