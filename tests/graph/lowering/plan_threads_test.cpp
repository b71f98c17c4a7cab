// How the work of a graph is counted, and from which work on its plan uses threads.
#include "graph/lowering/plan_threads.h"

#include <gtest/gtest.h>

#include "graph/ir/builder.h"
#include "graph/ops/standard_ops.h"

namespace temper::test {
namespace {

using graph::Builder;

// Work of a graph of one op over inputs of these shapes.
double work(std::string_view op, const std::vector<Shape>& shapes, Attrs attrs = {}) {
  graph::Graph graph(graph::standard_ops());
  std::vector<ValueId> inputs;
  for (const Shape& shape : shapes) {
    inputs.push_back(graph.add_input(concat("x", inputs.size()), DType::kFloat32, shape));
  }
  graph.add_output("y", Builder(graph, "test").op(op, inputs, std::move(attrs)));
  return graph::work_of(graph);
}

constexpr double kPerElement = 16;

TEST(PlanThreads, ProductsCountTwoForEachMultiplication) {
  EXPECT_EQ(work("MatMul", {{6, 5}, {5, 7}}), 2 * 6 * 5 * 7 + kPerElement * (30 + 35 + 42));
  EXPECT_EQ(work("MatMul", {{3, 6, 5}, {3, 5, 7}}), 3 * (2 * 6 * 5 * 7 + kPerElement * 107));
  EXPECT_EQ(work("Gemm", {{5, 6}, {5, 7}}, {{"transA", std::int64_t{1}}}),
            2 * 6 * 5 * 7 + kPerElement * 107);
  // 2 groups of 3 channels each: 4 outputs of 8 x 8 take 3 x 3 x 3 weights.
  EXPECT_EQ(work("Conv", {{2, 6, 10, 10}, {4, 3, 3, 3}}, {{"group", std::int64_t{2}}}),
            2.0 * 2 * 4 * 64 * 27 + kPerElement * (2 * 6 * 100 + 4 * 27 + 2 * 4 * 64));
  EXPECT_EQ(work("Relu", {{10, 20}}), kPerElement * 400);
  EXPECT_EQ(work("Flatten", {{10, 20}}), 0);
}

// A chain of products with a matrix of 100 x 100.
int threads_of(std::int64_t rows, int products, int threads) {
  graph::Graph graph(graph::standard_ops());
  ValueId x = graph.add_input("x", DType::kFloat32, Shape{rows, 100});
  const ValueId w = graph.add_input("w", DType::kFloat32, Shape{100, 100});
  for (int i = 0; i < products; ++i) {
    x = Builder(graph, "test").op("MatMul", {x, w});
  }
  graph.add_output("y", x);
  EXPECT_EQ(graph::steps_of(graph), products);
  return graph::threads_of_plan(graph, threads);
}

TEST(PlanThreads, ASmallPlanRunsOnOneThread) {
  EXPECT_EQ(threads_of(150, 40, 8), 1);
  EXPECT_EQ(threads_of(150, 45, 8), 8);  // 3.64e6 each
  EXPECT_EQ(threads_of(150, 45, 1), 1);
}

TEST(PlanThreads, APlanOfFewLargeStepsDoesNot) {
  EXPECT_EQ(threads_of(100, 3, 8), 1);
  EXPECT_EQ(threads_of(300, 3, 8), 8);
}

}  // namespace
}  // namespace temper::test
