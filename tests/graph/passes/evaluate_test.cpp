#include "graph/passes/evaluate.h"

#include <gtest/gtest.h>

#include "backends/cuda/cuda_backend.h"
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

// A device has memory of its own, and a stream.
TEST(Evaluate, GivesTheSameOnADevice) {
  if (!has_emulated_cuda_backend()) {
    GTEST_SKIP() << "this build has no emulated device (TEMPER_DEVICE_EMULATED)";
  }
  SmallGraph g;
  const ValueId x = g.input("x", {2, 3});
  const ValueId y = g.b.op("MatMul", {x, g.constant({3, 2}, {1, 2, 3, 4, 5, 6})});
  const std::vector<ValueId> parts =
      g.b.ops("Split", {g.b.neg(y)}, 2, {{"axis", std::int64_t{1}}}, {false, true});
  const std::map<ValueId, Tensor> known = {
      {x, Tensor::from<double>(DType::kFloat32, {2, 3}, Doubles{1, 0, 2, 0, 1, 1})}};
  const auto device = make_backend(kEmulatedCudaDevice);
  const std::vector<Tensor> results = graph::evaluate(g.graph, *device, known, {y, parts[1]});
  EXPECT_EQ(results[0].values<double>(), (Doubles{11, 14, 8, 10}));
  EXPECT_EQ(results[1].values<double>(), (Doubles{-14, -10}));
}

}  // namespace
}  // namespace temper::test
