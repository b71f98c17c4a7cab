#include "graph/passes/expand_ops.h"

#include <gtest/gtest.h>

#include "graph/ir/verify.h"
#include "tests/graph/small_graph.h"

namespace temper::test {
namespace {

TEST(ExpandOps, ATransposedConvolutionBecomesTheGradientOfOneAndAnAddition) {
  SmallGraph g;
  const ValueId x = g.input("x", {1, 1, 2, 2});
  g.b.set_origin("ConvTranspose 'up'");
  const ValueId y =
      g.b.op("ConvTranspose", {x, g.constant({1, 1, 2, 2}, {1, 2, 3, 4}), g.constant({1}, {100})},
             {{"strides", std::vector<std::int64_t>{2, 2}}});
  g.output("y", y);
  const Doubles before = g.run({{x, {1, 2, 3, 4}}}, y);
  graph::expand_ops(g.graph);
  verify(g.graph, "expand_ops");
  EXPECT_EQ(g.count("ConvTranspose"), 0u);
  EXPECT_EQ(g.count("ConvGradData"), 1u);
  EXPECT_EQ(g.graph.node(g.nodes("ConvGradData")[0]).origin, "ConvTranspose 'up'");
  EXPECT_EQ(g.run({{x, {1, 2, 3, 4}}}, g.graph.outputs[0].value), before);
}

TEST(ExpandOps, AnOpOfAnotherDomainBecomesOpsOfOnnx) {
  SmallGraph g;
  const ValueId x = g.input("x", {2, 3});
  const ValueId y = g.b.op("MicrosoftFusedMatMul", {x, g.constant({2, 3}, {1, 2, 3, 4, 5, 6})},
                           {{"alpha", 0.5}, {"transB", std::int64_t{1}}});
  g.output("y", y);
  g.output("t", g.b.op("Swish", {x}));
  graph::expand_foreign_ops(g.graph);
  verify(g.graph, "expand_foreign_ops");
  EXPECT_EQ(g.count("MicrosoftFusedMatMul"), 0u);
  EXPECT_EQ(g.count("MatMul"), 1u);
  EXPECT_EQ(g.count("Swish"), 1u);
  EXPECT_EQ(g.run({{x, {1, 0, 0, 0, 1, 0}}}, g.graph.outputs[0].value), (Doubles{0.5, 2, 1, 2.5}));
}

// BatchNormTrainGrad has an expansion for second order, and kernels of its own.
TEST(ExpandOps, LeavesOpsThatHaveKernels) {
  SmallGraph g;
  const ValueId x = g.input("x", {4, 2}), c = g.input("c", {2});
  const std::vector<ValueId> made =
      g.b.ops("BatchNormTrainGrad", {x, x, c, c, c, c}, 3, {{"relu", std::int64_t{0}}});
  g.output("dx", made[0]);
  graph::expand_ops(g.graph);
  EXPECT_EQ(g.count("BatchNormTrainGrad"), 1u);
  EXPECT_EQ(g.graph.node_count(), 1);
}

}  // namespace
}  // namespace temper::test
