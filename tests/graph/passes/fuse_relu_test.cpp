#include "graph/passes/fuse_relu.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <vector>

#include "graph/autodiff/gradient.h"
#include "graph/ir/verify.h"
#include "graph/passes/cleanup.h"
#include "tests/graph/small_graph.h"

namespace temper::test {
namespace {

void fuse(SmallGraph& g) {
  graph::fuse_relu(g.graph);
  verify(g.graph, "fuse_relu");
}

std::int64_t relu_of(const SmallGraph& g, const char* op) {
  return g.graph.node(g.nodes(op).at(0)).attrs.get_int("relu", 0);
}

ValueId product(SmallGraph& g) {
  return g.b.op("MatMul", {g.input("x", {1, 2}), g.constant({2, 2}, {1, 0, 0, -1})});
}

TEST(FuseRelu, TheProductBeforeItAppliesIt) {
  SmallGraph g;
  const ValueId relu = g.b.op("Relu", {product(g)});
  g.graph.value(relu).name = "active";
  g.output("y", relu);
  fuse(g);
  EXPECT_EQ(g.count("Relu"), 0u);
  EXPECT_EQ(relu_of(g, "MatMul"), 1);
  const ValueId y = g.graph.outputs[0].value;
  EXPECT_EQ(g.graph.value(y).name, "active");
  EXPECT_EQ(g.run({{g.graph.inputs[0], {3, 4}}}, y), (Doubles{3, 0}));
}

ValueId clipped(SmallGraph& g, ValueId x, double low, double high) {
  return g.b.op("Clip", {x}, {{"min", low}, {"max", high}});
}

TEST(FuseRelu, TheProductBeforeAClipFromZeroAppliesIt) {
  SmallGraph g;
  g.output("y", clipped(g, product(g), 0, 2));
  fuse(g);
  EXPECT_EQ(g.count("Clip"), 0u);
  EXPECT_EQ(g.run({{g.graph.inputs[0], {3, 4}}}, g.graph.outputs[0].value), (Doubles{2, 0}));
  EXPECT_EQ(g.run({{g.graph.inputs[0], {1, -1}}}, g.graph.outputs[0].value), (Doubles{1, 1}));
}

TEST(FuseRelu, NotAClipFromElsewhere) {
  SmallGraph g;
  g.output("y", clipped(g, product(g), -1, 2));
  fuse(g);
  EXPECT_EQ(g.count("Clip"), 1u);
}

// oneDNN's rectifiers make 0 of NaN: max(y, 0) of its generated code is 0 where y is no number.
TEST(FuseRelu, NotIntoProductsWhereAWeightIsNoNumber) {
  SmallGraph g;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const ValueId hidden = g.b.op("Relu", {product(g)});
  const ValueId broken = g.b.op("MatMul", {hidden, g.constant({2, 2}, {1, nan, 0, 1})});
  g.output("y", clipped(g, broken, 0, 6));
  fuse(g);
  EXPECT_EQ(g.count("Relu"), 1u);
  EXPECT_EQ(g.count("Clip"), 1u);
  const Doubles y = g.run({{g.graph.inputs[0], {3, 4}}}, g.graph.outputs[0].value);
  EXPECT_EQ(y[0], 3);
  EXPECT_TRUE(std::isnan(y[1]));
}

// What stays in a file is read for it once, though each length of a sequence makes a plan.
TEST(FuseRelu, LooksForNaNInAFileOnce) {
  struct Counted final : graph::StoredValue {
    explicit Counted(double value) : last(value) {}
    void read(std::int64_t first, std::span<std::byte> out) const override {
      ++reads;
      std::vector<double> values(out.size() / sizeof(double), 1.);
      values.back() = last;
      EXPECT_EQ(first, 0);
      std::memcpy(out.data(), values.data(), out.size());
    }
    double last;
    mutable int reads = 0;
  };
  for (const double last : {1., std::numeric_limits<double>::quiet_NaN()}) {
    SmallGraph g;
    const ValueId w = g.weight("w", {2, 2});
    const auto stored = std::make_shared<const Counted>(last);
    g.graph.variable(g.graph.value(w).variable).stored = stored;
    g.output("y", g.b.op("Relu", {g.b.op("MatMul", {g.input("x", {1, 2}), w})}));
    graph::Graph again = g.graph;
    graph::fuse_relu(again);
    fuse(g);
    EXPECT_EQ(g.count("Relu"), std::isnan(last) ? 1u : 0u);
    EXPECT_EQ(stored->reads, 1);
  }
}

TEST(FuseRelu, NotWhereAnotherReadsWhatIsBeforeIt) {
  SmallGraph g;
  const ValueId y = product(g);
  g.output("a", g.b.op("Relu", {y}));
  g.output("b", g.b.neg(y));
  fuse(g);
  EXPECT_EQ(g.count("Relu"), 1u);
  EXPECT_EQ(relu_of(g, "MatMul"), 0);
}

TEST(FuseRelu, NotWhereTheModelGivesWhatIsBeforeIt) {
  SmallGraph g;
  const ValueId y = product(g);
  g.output("a", g.b.op("Relu", {y}));
  g.output("b", y);
  fuse(g);
  EXPECT_EQ(g.count("Relu"), 1u);
}

TEST(FuseRelu, NotIntoOpsThatDoNotTakeIt) {
  SmallGraph g;
  g.output("y", g.b.op("Relu", {g.b.neg(g.input("x", {2}))}));
  fuse(g);
  EXPECT_EQ(g.count("Relu"), 1u);
}

TEST(FuseRelu, ReadsTheFusedOutputInItsGradient) {
  SmallGraph g;
  const ValueId x = g.input("x", {1, 2});
  const ValueId w = g.weight("w", {2, 2});
  const ValueId relu = g.b.op("Relu", {g.b.op("MatMul", {x, w})});
  const std::vector<ValueId> wrt = {w};
  g.output("dw", graph::gradient(g.graph, g.b.reduce_sum(relu, {0, 1}, false), wrt)[0]);
  fuse(g);
  EXPECT_EQ(relu_of(g, "MatMul"), 1);
  EXPECT_EQ(g.graph.node(g.nodes("ReluGrad").at(0)).inputs[1],
            g.graph.node(g.nodes("MatMul").at(0)).outputs[0]);
}

// BatchNormTrain over x [4, 2], then a Relu, then the loss.
struct NormGraph : SmallGraph {
  ValueId x = input("x", {4, 2});
  ValueId scale = weight("scale", {2}), bias = weight("bias", {2});
  ValueId normal =
      b.ops("BatchNormTrain", {x, scale, bias, input("m", {2}), input("v", {2})}, 5)[0];
  ValueId active;

  NormGraph() { active = b.op("Relu", {normal}); }
  explicit NormGraph(double ceiling) { active = clipped(*this, normal, 0, ceiling); }

  std::vector<ValueId> gradients(ValueId of) {
    const std::vector<ValueId> wrt = {x, scale, bias};
    return graph::gradient(graph, b.reduce_sum(of, {0, 1}, false), wrt);
  }
};

void expect_norm_saves_the_mask(NormGraph g, const char* activation, const char* gradient) {
  // Squared, so that the gradient that arrives is not constant.
  const std::vector<ValueId> grads = g.gradients(g.b.mul(g.active, g.active));
  const std::vector<std::pair<ValueId, Doubles>> given = {{g.x, {1, 9, 4, 2, -3, 5, 6, 1}},
                                                          {g.scale, {1, 2}},
                                                          {g.bias, {0.5, -1}},
                                                          {g.graph.inputs[1], {0, 0}},
                                                          {g.graph.inputs[2], {1, 1}}};
  std::vector<Doubles> before;
  for (const ValueId grad : grads) {
    g.output("grad", grad);
    before.push_back(g.run(given, grad));
  }
  fuse(g);
  graph::remove_dead_nodes(g.graph);
  EXPECT_EQ(g.count(activation) + g.count(gradient), 0u);
  EXPECT_EQ(relu_of(g, "BatchNormTrain"), 1);
  EXPECT_EQ(relu_of(g, "BatchNormTrainGrad"), 1);
  for (std::size_t i = 0; i < grads.size(); ++i) {
    EXPECT_EQ(g.run(given, g.graph.outputs[i].value), before[i]) << i;
  }
}

TEST(FuseRelu, ANormSavesTheMaskForItsGradient) {
  expect_norm_saves_the_mask(NormGraph(), "Relu", "ReluGrad");
}

TEST(FuseRelu, ANormSavesTheMaskOfAClip) {
  expect_norm_saves_the_mask(NormGraph(1.25), "Clip", "ClipGrad");
}

TEST(FuseRelu, ANormWhoseOutputFlowsBackPastTheReluKeepsIt) {
  NormGraph g;
  const std::vector<ValueId> grads = g.gradients(g.b.add(g.active, g.normal));
  for (const ValueId grad : grads) {
    g.output("grad", grad);
  }
  fuse(g);
  EXPECT_EQ(g.count("Relu"), 1u);
  EXPECT_EQ(relu_of(g, "BatchNormTrain"), 0);
}

}  // namespace
}  // namespace temper::test
