#include "graph/passes/evaluate.h"

#include <gtest/gtest.h>

#include "tests/graph/onnx/expect_error.h"
#include "tests/graph/small_graph.h"

namespace temper::test {
namespace {

TEST(Evaluate, TakesVariablesAtTheirInitialValuesUnlessTheyAreGiven) {
  SmallGraph g;
  const VariableId w = g.variable("w", {2});
  g.graph.variable(w).initial = Tensor::from<double>(DType::kFloat32, {2}, Doubles{3, 4});
  const ValueId read = g.graph.read_variable(w);
  const ValueId y = g.b.neg(read);
  EXPECT_EQ(g.run({}, y), (Doubles{-3, -4}));
  EXPECT_EQ(g.run({{read, {1, 2}}}, y), (Doubles{-1, -2}));
}

TEST(Evaluate, RunsNothingBehindWhatIsGiven) {
  SmallGraph g;
  const ValueId hidden = g.b.neg(g.input("x", {2}));  // x is not given
  const ValueId y = g.b.neg(hidden);
  EXPECT_EQ(g.run({{hidden, {1, 2}}}, y), (Doubles{-1, -2}));
}

TEST(Evaluate, SaysWhichValueWasNotGiven) {
  SmallGraph g;
  const ValueId y = g.b.neg(g.input("forgotten", {2}));
  expect_error(ErrorCode::kInternal, "forgotten", [&] { g.run({}, y); });
}

TEST(Evaluate, OfANodeOfConstantsGivesTheOutputsThatAreThere) {
  SmallGraph g;
  const std::vector<ValueId> parts = g.b.ops("Split", {g.constant({4}, {1, 2, 3, 4})}, 2,
                                             {{"axis", std::int64_t{0}}}, {false, true});
  const std::vector<Tensor> results =
      graph::evaluate_constant_node(g.graph, reference(), g.graph.value(parts[1]).producer);
  ASSERT_EQ(results.size(), 2u);
  EXPECT_FALSE(results[0].defined());
  EXPECT_EQ(results[1].values<double>(), (Doubles{3, 4}));
}

TEST(Evaluate, AnEmptyResultIsComputedByNoKernel) {
  SmallGraph g;
  const ValueId x = g.input("x", {0, 3});
  EXPECT_EQ(g.run({{x, {}}}, g.b.op("MatMul", {x, g.constant({3, 2}, Doubles(6, 1))})), Doubles{});
}

}  // namespace
}  // namespace temper::test
