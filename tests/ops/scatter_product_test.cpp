// The gradient of products at factors that are 0, where dividing the product by the factor fails.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "graph/autodiff/gradient.h"
#include "graph/ir/builder.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/evaluate.h"
#include "tests/ops/case_runner.h"

namespace temper::op_suite {
namespace {

// y0 = x0 * 0 * 2, y1 = x1 * 0 * 0, y2 = x2 * 7: the factors' gradients are the products of the
// others.
TEST(ScatterProduct, HasTheGradientOfTheOtherFactorsWhereOneIsZero) {
  graph::Graph graph(graph::standard_ops());
  graph::Builder b(graph, "test");
  const ValueId x = graph.add_input("x", DType::kFloat64, Shape{3});
  const ValueId factors = graph.add_input("factors", DType::kFloat64, Shape{5});
  const ValueId indices = graph.add_constant(
      {}, Tensor::from<std::int64_t>(DType::kInt64, {5}, std::vector<std::int64_t>{0, 0, 1, 1, 2}));
  const ValueId y =
      b.op("ScatterElements", {x, indices, factors}, {{"reduction", std::string("mul")}});
  const std::vector<ValueId> wrt{x, factors};
  const std::vector<ValueId> dx = graph::gradient(graph, b.reduce_sum(y, {0}, false), wrt);
  const auto number = [](std::vector<double> values) {
    return Tensor::from<double>(DType::kFloat64, {static_cast<std::int64_t>(values.size())},
                                values);
  };
  const std::vector<Tensor> got =
      graph::evaluate(graph, reference_backend(),
                      {{x, number({3, 5, 11})}, {factors, number({0, 2, 0, 0, 7})}}, dx, 1);
  EXPECT_EQ(got[0].values<double>(), (std::vector<double>{0, 0, 7}));
  EXPECT_EQ(got[1].values<double>(), (std::vector<double>{6, 0, 0, 0, 11}));
}

}  // namespace
}  // namespace temper::op_suite
