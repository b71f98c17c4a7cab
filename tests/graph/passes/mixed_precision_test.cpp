// What computes in 16 bits, where casts stand, and that gradients of variables come out in float32.
#include "graph/passes/mixed_precision.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "graph/autodiff/gradient.h"
#include "graph/ir/builder.h"
#include "graph/ir/op_def.h"
#include "graph/ir/verify.h"
#include "graph/ir/walk.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/widen_weight_gradients.h"

namespace temper::graph {
namespace {

constexpr DType kLow = DType::kBFloat16;

class MixedPrecisionPass : public testing::Test {
 protected:
  ValueId input(const Shape& shape) {
    return graph_.add_input(concat("x", graph_.value_count()), DType::kFloat32, shape);
  }
  VariableId variable(const Shape& shape, VariableKind kind = VariableKind::kParameter) {
    Variable made;
    made.name = concat("v", graph_.variable_count());
    made.shape = shape;
    made.identity.kind = kind;
    return graph_.add_variable(std::move(made));
  }
  ValueId weight(const Shape& shape) { return graph_.read_variable(variable(shape)); }
  void run() {
    apply_mixed_precision(graph_, kLow);
    verify(graph_, "apply_mixed_precision");
  }
  // The type the node behind a value computes in.
  DType dtype(ValueId id) const { return graph_.value(id).dtype; }
  int casts() const {
    int count = 0;
    for (const NodeId id : topological_order(graph_)) {
      count += graph_.node(id).op->name() == "Cast" ? 1 : 0;
    }
    return count;
  }

  Graph graph_{standard_ops()};
  Builder build_{graph_, "test"};
};

TEST_F(MixedPrecisionPass, ComputesProductsIn16BitsAndSoftmaxInFloat32) {
  const ValueId product = build_.op("MatMul", {input({2, 3}), weight({3, 4})});
  const ValueId active = build_.op("Relu", {product});
  const ValueId soft = build_.op("Softmax", {active}, {{"axis", std::int64_t{1}}});
  graph_.add_output("y", soft);
  run();
  EXPECT_EQ(dtype(product), kLow);
  EXPECT_EQ(dtype(active), kLow);
  EXPECT_EQ(dtype(soft), DType::kFloat32);
  EXPECT_EQ(casts(), 3);  // x, the weight, the softmax's input
}

TEST_F(MixedPrecisionPass, KeepsOutputsAndVariablesInFloat32) {
  const ValueId w = weight({3, 4});
  graph_.add_output("y", build_.op("MatMul", {input({2, 3}), w}));
  run();
  EXPECT_EQ(dtype(graph_.outputs[0].value), DType::kFloat32);
  EXPECT_EQ(dtype(w), DType::kFloat32);
}

TEST_F(MixedPrecisionPass, CastsAValueOncePerType) {
  const ValueId x = input({2, 3});
  const ValueId w = weight({3, 3});
  const ValueId a = build_.op("MatMul", {x, w});
  const ValueId b = build_.op("MatMul", {a, w});
  graph_.add_output("a", build_.op("Exp", {a}));
  graph_.add_output("b", build_.op("Exp", {b}));
  graph_.add_output("a_again", build_.op("Log", {a}));
  run();
  EXPECT_EQ(casts(), 4);  // x, w once, a and b to float32
}

TEST_F(MixedPrecisionPass, AddsInTheWidestTypeOfItsInputs) {
  const ValueId x = input({2, 4});
  const ValueId low = build_.op("MatMul", {x, weight({4, 4})});
  const ValueId mixed = build_.add(low, x);
  const ValueId both_low = build_.add(low, build_.op("MatMul", {x, weight({4, 4})}));
  const ValueId parameter = build_.add(build_.op("Relu", {low}), weight({4}));
  graph_.add_output("mixed", mixed);
  graph_.add_output("low", both_low);
  graph_.add_output("parameter", parameter);
  run();
  EXPECT_EQ(dtype(mixed), DType::kFloat32);
  EXPECT_EQ(dtype(both_low), kLow);
  EXPECT_EQ(dtype(parameter), DType::kFloat32);
}

TEST_F(MixedPrecisionPass, TakesTheBiasBehindAMatMulAsPartOfTheLinearLayer) {
  const ValueId y = build_.add(build_.op("MatMul", {input({2, 4}), weight({4, 3})}), weight({3}));
  graph_.add_output("y", y);
  run();
  EXPECT_EQ(dtype(y), kLow);
}

TEST_F(MixedPrecisionPass, GivesScalarConstantsNoSay) {
  const ValueId low = build_.op("MatMul", {input({2, 4}), weight({4, 3})});
  const ValueId scaled = build_.scale(low, 0.5);
  graph_.add_output("y", scaled);
  run();
  EXPECT_EQ(dtype(scaled), kLow);
}

TEST_F(MixedPrecisionPass, KeepsTheStatisticsOfBatchNormInFloat32) {
  const ValueId x = build_.op("Conv", {input({2, 3, 4, 4}), weight({5, 3, 3, 3})});
  const std::vector<ValueId> made =
      build_.ops("BatchNormTrain", {x, weight({5}), weight({5}), weight({5}), weight({5})}, 5);
  for (std::size_t i = 0; i < 5; ++i) {
    graph_.add_output(concat("o", i), made[i]);
  }
  run();
  EXPECT_EQ(dtype(made[0]), kLow);
  for (std::size_t i = 1; i < 5; ++i) {
    EXPECT_EQ(dtype(made[i]), DType::kFloat32) << i;
  }
}

// Linear weights as the exporter writes them for 3-D inputs: transposed in front of the product.
TEST_F(MixedPrecisionPass, MovesElementsIn16BitsWhereTheirReaderWantsThem) {
  const ValueId moved = build_.transpose(weight({4, 3}), {1, 0});
  graph_.add_output("y", build_.op("MatMul", {input({2, 3}), moved}));
  run();
  EXPECT_EQ(dtype(moved), kLow);
  EXPECT_EQ(casts(), 3);
}

TEST_F(MixedPrecisionPass, LeavesOtherTypesAlone) {
  const ValueId table = weight({10, 4});
  const ValueId index = graph_.add_input("index", DType::kInt64, Shape{2});
  const ValueId rows = build_.op("Gather", {table, index});
  const ValueId wide = graph_.add_input("wide", DType::kFloat64, Shape{2, 4});
  const ValueId product = build_.op("MatMul", {rows, weight({4, 3})});
  const ValueId exponential = build_.op("Exp", {wide});
  graph_.add_output("product", product);
  graph_.add_output("exponential", exponential);
  run();
  EXPECT_EQ(dtype(rows), DType::kFloat32);
  EXPECT_EQ(dtype(product), kLow);
  EXPECT_EQ(dtype(exponential), DType::kFloat64);
}

TEST_F(MixedPrecisionPass, LeavesTheGradientsOfVariablesInFloat32) {
  const VariableId w = variable({5, 3, 3, 3});
  const VariableId scale = variable({5});
  const VariableId linear = variable({5, 2});
  const ValueId conv = build_.op("Conv", {input({2, 3, 6, 6}), graph_.read_variable(w)});
  const ValueId normal = build_.ops("BatchNormTrain",
                                    {conv, graph_.read_variable(scale), weight({5}),
                                     graph_.read_variable(variable({5}, VariableKind::kStatistic)),
                                     graph_.read_variable(variable({5}, VariableKind::kStatistic))},
                                    5)[0];
  const ValueId pooled = build_.op("GlobalAveragePool", {build_.op("Relu", {normal})});
  const ValueId y =
      build_.op("MatMul", {build_.reshape(pooled, {2, 5}), graph_.read_variable(linear)});
  graph_.add_output("y", y);
  run();
  const ValueId loss = build_.reduce_sum(graph_.outputs[0].value, {0, 1}, false);
  EXPECT_EQ(dtype(loss), DType::kFloat32);
  const std::array<ValueId, 3> wrt = {graph_.read_variable(w), graph_.read_variable(scale),
                                      graph_.read_variable(linear)};
  for (const ValueId gradient : gradient(graph_, loss, wrt)) {
    EXPECT_EQ(dtype(gradient), DType::kFloat32);
  }
  int gradients_in_16_bits = 0;
  for (const NodeId id : topological_order(graph_)) {
    const Node& node = graph_.node(id);
    if (node.op->name() == "ConvGradWeights" || node.op->name() == "LinearGradWeights") {
      gradients_in_16_bits += dtype(node.inputs[0]) == kLow && dtype(node.inputs[1]) == kLow;
    }
  }
  EXPECT_EQ(gradients_in_16_bits, 2);
}

TEST_F(MixedPrecisionPass, WeightGradientsAccumulateInFloat32WithoutACast) {
  const VariableId w = variable({3, 4});
  const ValueId y = build_.op("Gemm", {input({2, 3}), graph_.read_variable(w)});
  graph_.add_output("y", y);
  run();
  const ValueId loss = build_.reduce_sum(graph_.outputs[0].value, {0, 1}, false);
  const std::array<ValueId, 1> wrt = {graph_.read_variable(w)};
  graph_.add_output("dw", gradient(graph_, loss, wrt)[0]);
  const int before = casts();
  widen_weight_gradients(graph_);
  verify(graph_, "widen_weight_gradients");
  EXPECT_EQ(casts(), before - 1);
  const Value& dw = graph_.value(graph_.outputs.back().value);
  EXPECT_EQ(dw.dtype, DType::kFloat32);
  EXPECT_EQ(graph_.node(dw.producer).op->name(), "LinearGradWeights");
}

// A second reader sees 16 bits, so the node must go on giving them.
TEST_F(MixedPrecisionPass, WeightGradientsWithAnotherReaderStayAsTheyAre) {
  const ValueId x = build_.cast(input({2, 3}), kLow);
  const ValueId dw = build_.op("LinearGradWeights", {x, build_.cast(input({2, 4}), kLow)});
  graph_.add_output("wide", build_.cast(dw, DType::kFloat32));
  graph_.add_output("low", build_.op("Relu", {dw}));
  widen_weight_gradients(graph_);
  EXPECT_EQ(dtype(dw), kLow);
}

}  // namespace
}  // namespace temper::graph
