#include "graph/ir/append.h"

#include <gtest/gtest.h>

#include "backends/reference/reference_backend.h"
#include "graph/ir/builder.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/evaluate.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

// y = x * w, w a variable of value 3
Graph scaled() {
  Graph part(standard_ops());
  Variable w;
  w.name = "w";
  w.shape = {1};
  w.initial = Tensor::from<double>(DType::kFloat32, {1}, std::vector{3.0});
  const VariableId id = part.add_variable(w);
  const ValueId x = part.add_input("x", DType::kFloat32, Shape{2});
  Builder builder(part, "Mul 'scale'");
  part.add_output("y", builder.mul(x, part.read_variable(id)));
  return part;
}

TEST(Append, SharesTheVariablesOfAModelAndOnlyThose) {
  const Graph part = scaled();
  Graph joined(standard_ops());
  const ValueId x = joined.add_input("in", DType::kFloat32, Shape{2});
  const ValueId once = append(joined, part, 0, "a::", {{"x", x}}).outputs.front().value;
  const ValueId twice = append(joined, part, 0, "a::", {{"x", once}}).outputs.front().value;
  append(joined, part, 1, "b::", {{"x", twice}});
  EXPECT_EQ(joined.variable_count(), 2);
  EXPECT_TRUE(joined.find_variable("a::w").valid());
  EXPECT_EQ(joined.node(joined.value(once).producer).origin, "a::Mul 'scale'");
  const auto backend = reference::make_reference_backend();
  const Tensor input = Tensor::from<double>(DType::kFloat32, {2}, std::vector{1.0, -2.0});
  EXPECT_EQ(evaluate(joined, *backend, {{x, input}}, {twice})[0].values<double>(),
            (std::vector<double>{9, -18}));
}

TEST(Append, ReadsAVariableAsTheValueGivenAndHandsOutTheUpdates) {
  Graph part = scaled();
  const VariableId w = part.find_variable("w");
  part.add_update({w, part.outputs.front().value, UpdateBinding::Kind::kApply});
  Graph joined(standard_ops());
  const ValueId x = joined.add_input("in", DType::kFloat32, Shape{2});
  const ValueId given = joined.add_input("given", DType::kFloat32, Shape{1});
  const Appended made =
      append(joined, part, 0, "a::", {{"x", x}}, {{part.variable(w).identity, given}});
  EXPECT_TRUE(joined.updates.empty());
  ASSERT_EQ(made.updates.size(), 1U);
  EXPECT_EQ(joined.variable(made.updates[0].variable).name, "a::w");
  EXPECT_EQ(made.updates[0].value, made.outputs[0].value);
  const std::vector<ValueId>& inputs =
      joined.node(joined.value(made.outputs[0].value).producer).inputs;
  EXPECT_EQ(inputs[1], given);
}

TEST(Append, RefusesAValueOfAnotherShape) {
  const Graph part = scaled();
  Graph joined(standard_ops());
  const ValueId x = joined.add_input("in", DType::kFloat32, Shape{3});
  EXPECT_THROW(append(joined, part, 0, "a::", {{"x", x}}), Error);
  EXPECT_THROW(append(joined, part, 0, "a::", {}), Error);
}

}  // namespace
}  // namespace temper::graph
