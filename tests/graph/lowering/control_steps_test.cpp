// Loops and branches that stay steps of a plan give what they give written out, and the same
// gradients, in double.
#include "graph/lowering/control_steps.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "graph/autodiff/gradient.h"
#include "graph/ir/body.h"
#include "graph/ir/infer_context.h"
#include "graph/onnx/import.h"
#include "graph/passes/bind_shapes.h"
#include "graph/passes/pipeline.h"
#include "graph/passes/rebatch.h"
#include "runtime/base/iteration.h"
#include "runtime/exec/executor.h"
#include "tests/graph/lowering/control_run.h"
#include "tests/graph/onnx/expect_error.h"
#include "tests/graph/onnx/wire_writer.h"
#include "tests/graph/small_graph.h"

namespace temper::test {
namespace {

using graph::OnnxModel;

// h' = (1 - z) n + z h, z = sigmoid(x Wz + h Uz + bz), r = sigmoid(x Wr + h Ur),
// n = tanh(x Wn + r (h Un)), over axis `axis` of x.
ModelParts gru(std::int64_t steps, std::int64_t axis, bool backward) {
  const Dims x = axis == 0 ? Dims{steps, 2, 3} : Dims{2, steps, 3};
  const std::vector<Message> body = {
      node("MatMul", {"xt", "wz"}, {"xz"}), node("MatMul", {"h", "uz"}, {"hz"}),
      node("Add", {"xz", "hz"}, {"z0"}),    node("Add", {"z0", "bz"}, {"z1"}),
      node("Sigmoid", {"z1"}, {"z"}),       node("MatMul", {"xt", "wr"}, {"xr"}),
      node("MatMul", {"h", "ur"}, {"hr"}),  node("Add", {"xr", "hr"}, {"r0"}),
      node("Sigmoid", {"r0"}, {"r"}),       node("MatMul", {"xt", "wn"}, {"xn"}),
      node("MatMul", {"h", "un"}, {"hn"}),  node("Mul", {"r", "hn"}, {"rn"}),
      node("Add", {"xn", "rn"}, {"n0"}),    node("Tanh", {"n0"}, {"n"}),
      node("Sub", {"h", "n"}, {"d"}),       node("Mul", {"z", "d"}, {"zd"}),
      node("Add", {"n", "zd"}, {"next"}),   node("Identity", {"next"}, {"seen"})};
  std::vector<Message> attributes = {
      body_attribute("body", body, {info("h", {2, 4}), info("xt", {2, 3})},
                     {info("next", {2, 4}), info("seen", {2, 4})}, {doubles("bz", {4}, 8)}),
      int_attribute("num_scan_inputs", 1), ints_attribute("scan_input_axes", {axis}),
      ints_attribute("scan_output_axes", {axis})};
  if (backward) {
    attributes.push_back(ints_attribute("scan_input_directions", {1}));
    attributes.push_back(ints_attribute("scan_output_directions", {1}));
  }
  ModelParts parts;
  parts.nodes = {node("Scan", {"h0", "x"}, {"last", "all"}, attributes, "gru"),
                 node("ReduceSum", {"last"}, {"total"}, {int_attribute("keepdims", 0)}),
                 node("Mul", {"all", "total"}, {"y"})};
  parts.initializers = {doubles("wz", {3, 4}, 1), doubles("uz", {4, 4}, 2),
                        doubles("wr", {3, 4}, 3), doubles("ur", {4, 4}, 4),
                        doubles("wn", {3, 4}, 5), doubles("un", {4, 4}, 6),
                        doubles("h0", {2, 4}, 7)};
  parts.inputs = {info("x", x)};
  parts.outputs = {info("y", axis == 0 ? Dims{steps, 2, 4} : Dims{2, steps, 4})};
  return parts;
}

TEST(ControlSteps, AGruWrittenAsScanIsEqualToItselfWrittenOut) {
  expect_equal(gru(7, 0, false), {0}, gru(7, 0, false), "Iterate");
  expect_equal(gru(5, 1, true), {4}, gru(5, 1, true), "Iterate");
}

// s = tanh(s w + step), n times, with s [2, 3]; n is an input or a number.
ModelParts power(std::int64_t steps) {
  ModelParts parts;
  parts.nodes = {node(
      "Loop", {"n", "", "x"}, {"y"},
      {body_attribute("body",
                      {node("Cast", {"i"}, {"f"}, {int_attribute("to", kDouble)}),
                       node("MatMul", {"s", "w"}, {"m"}), node("Add", {"m", "f"}, {"a"}),
                       node("Tanh", {"a"}, {"next"}), node("Identity", {"go"}, {"on"})},
                      {value_info("i", {}, kInt), value_info("go", {}, kBool), info("s", {2, 3})},
                      {value_info("on", {}, kBool), info("next", {2, 3})})},
      "power")};
  parts.initializers = {doubles("w", {3, 3}, 1)};
  parts.inputs = {info("x", {2, 3})};
  if (steps < 0) {
    parts.inputs.push_back(value_info("n", {}, kInt));
  } else {
    parts.initializers.push_back(scalar("n", steps));
  }
  parts.outputs = {info("y", {2, 3})};
  return parts;
}

TEST(ControlSteps, ALoopMayTakeTheNumberOfItsStepsFromData) {
  for (const std::int64_t steps : {1, 2, 6}) {
    expect_equal(power(-1), {64, steps}, power(steps), "Iterate");
  }
}

// The same, where a condition ends it: n is an input.
ModelParts ended() {
  ModelParts parts = power(-1);
  parts.nodes = {node(
      "Loop", {"", "", "x"}, {"y"},
      {body_attribute("body",
                      {node("Cast", {"i"}, {"f"}, {int_attribute("to", kDouble)}),
                       node("MatMul", {"s", "w"}, {"m"}), node("Add", {"m", "f"}, {"a"}),
                       node("Tanh", {"a"}, {"next"}), node("Add", {"i", "one"}, {"done"}),
                       node("Less", {"done", "n"}, {"on"})},
                      {value_info("i", {}, kInt), value_info("go", {}, kBool), info("s", {2, 3})},
                      {value_info("on", {}, kBool), info("next", {2, 3})})},
      "ended")};
  parts.initializers.push_back(scalar("one", 1));
  return parts;
}

TEST(ControlSteps, ALoopMayTakeItsEndFromData) {
  for (const std::int64_t steps : {1, 5}) {
    expect_equal(ended(), {64, steps}, power(steps), "Iterate");
  }
}

TEST(ControlSteps, ALoopWithoutEndIsGivenUp) {
  for (const bool evaluates : {false, true}) {
    expect_error(ErrorCode::kInvalidData,
                 "data decide how many steps it takes, and 1000 did not end it; if it is not "
                 "endless, write a larger compile.max_trip_count",
                 [&] { compute(ended(), {64, 1001, evaluates}); });
  }
}

TEST(ControlSteps, ALoopOfNoStepsPassesItsStateAndItsGradientOn) {
  const Computed got = compute(power(-1), {64, 0});
  const Doubles x = numbers(6, 0.3);
  EXPECT_EQ(got.y, x);
  for (std::size_t i = 0; i < x.size(); ++i) {
    EXPECT_EQ(got.gradients.at("x")[i], 2 * x[i]);
  }
  EXPECT_EQ(got.gradients.at("w"), Doubles(9, 0));
}

// h' = tanh(x w + h u), from h = x of the first step; all doubled or negated, as an input says.
ModelParts recurrent(std::int64_t batch) {
  const std::vector<Message> body = {node("MatMul", {"xt", "w"}, {"a"}),
                                     node("MatMul", {"h", "u"}, {"b"}),
                                     node("Add", {"a", "b"}, {"c"}), node("Tanh", {"c"}, {"next"}),
                                     node("Identity", {"next"}, {"seen"})};
  ModelParts parts;
  parts.nodes = {
      node("Gather", {"x", "zero"}, {"h0"}, {int_attribute("axis", 1)}),
      node("Scan", {"h0", "x"}, {"last", "all"},
           {body_attribute("body", body, {info("h", {}), info("xt", {})},
                           {info("next", {}), info("seen", {})}),
            int_attribute("num_scan_inputs", 1), ints_attribute("scan_input_axes", {1}),
            ints_attribute("scan_output_axes", {1})},
           "scan"),
      node("Greater", {"level", "one"}, {"above"}),
      node(
          "If", {"above"}, {"y"},
          {body_attribute("then_branch", {node("Add", {"all", "all"}, {"o"})}, {}, {info("o", {})}),
           body_attribute("else_branch", {node("Neg", {"all"}, {"o"})}, {}, {info("o", {})})})};
  parts.initializers = {doubles("w", {3, 3}, 1), doubles("u", {3, 3}, 2), scalar("zero", 0),
                        raw_tensor<double>("one", kDouble, {}, {1})};
  parts.inputs = {info("x", {batch, 5, 3}), info("level", {})};
  parts.outputs = {info("y", {batch, 5, 3})};
  return parts;
}

TEST(ControlSteps, FollowAnotherBatchSizeThanTheFiles) {
  std::vector<Doubles> results;
  for (const std::int64_t batch : {2, -1}) {
    const TemporaryFolder folder;
    const OnnxModel model = OnnxModel::load(folder.write("m.onnx", recurrent(batch).bytes()));
    Graph graph = model.build_graph(graph::standard_ops());
    if (batch > 0) {
      graph::rebatch(graph, {}, batch, 6, reference(), nullptr, {2});
    } else {
      graph::bind_shapes(graph, {}, 6, reference(), {2});
    }
    EXPECT_EQ(graph.value(graph.outputs[0].value).shape, (Shape{6, 5, 3}));
    const std::map<ValueId, Tensor> given = inputs_of(graph, {});
    results.push_back(
        graph::evaluate(graph, reference(), given, {graph.outputs[0].value})[0].values<double>());
  }
  EXPECT_EQ(results[0], results[1]);
}

// Of even steps s = tanh(s w), of odd ones s = s + c sin(s); inside, another loop of two steps that
// halves.
ModelParts nested() {
  const std::vector<Message> halving = {node("Mul", {"h", "half"}, {"hn"}),
                                        node("Identity", {"hgo"}, {"hon"})};
  const std::vector<Message> body = {
      node("Mod", {"i", "two"}, {"parity"}),
      node("Equal", {"parity", "zero"}, {"even"}),
      node("If", {"even"}, {"b"},
           {body_attribute("then_branch",
                           {node("MatMul", {"s", "w"}, {"m"}), node("Tanh", {"m"}, {"t"})}, {},
                           {info("t", {2, 3})}),
            body_attribute("else_branch",
                           {node("Sin", {"s"}, {"q"}), node("Mul", {"q", "c"}, {"qc"}),
                            node("Add", {"s", "qc"}, {"t"})},
                           {}, {info("t", {2, 3})})},
           "choice"),
      node("Loop", {"two", "", "b"}, {"next"},
           {body_attribute(
               "body", halving,
               {value_info("hi", {}, kInt), value_info("hgo", {}, kBool), info("h", {2, 3})},
               {value_info("hon", {}, kBool), info("hn", {2, 3})})},
           "inner"),
      node("Identity", {"go"}, {"on"}),
      node("Mul", {"next", "next"}, {"square"})};
  ModelParts parts;
  parts.nodes = {node(
      "Loop", {"n", "", "x"}, {"last", "y"},
      {body_attribute("body", body,
                      {value_info("i", {}, kInt), value_info("go", {}, kBool), info("s", {2, 3})},
                      {value_info("on", {}, kBool), info("next", {2, 3}), info("square", {2, 3})})},
      "outer")};
  parts.initializers = {doubles("w", {3, 3}, 1),
                        doubles("c", {3}, 2),
                        raw_tensor<double>("half", kDouble, {1}, {0.7}),
                        scalar("n", 5),
                        scalar("two", 2),
                        scalar("zero", 0)};
  parts.inputs = {info("x", {2, 3})};
  parts.outputs = {info("y", {5, 2, 3})};
  return parts;
}

TEST(ControlSteps, AnIfAndALoopInALoopAreEqualToThemselvesWrittenOut) {
  expect_equal(nested(), {0}, nested(), "Iterate");
  expect_equal(nested(), {2}, nested(), "Iterate");  // the inner one written out, in a body
}

// y = x a where the sum of x is above 0, and x / b - x otherwise.
ModelParts choice() {
  ModelParts parts;
  parts.nodes = {
      node("ReduceSum", {"x"}, {"sum"}, {int_attribute("keepdims", 0)}),
      node("Greater", {"sum", "level"}, {"above"}),
      node(
          "If", {"above"}, {"y"},
          {body_attribute("then_branch", {node("Mul", {"x", "a"}, {"o"})}, {}, {info("o", {2, 3})}),
           body_attribute("else_branch",
                          {node("Div", {"x", "b"}, {"p"}), node("Sub", {"p", "x"}, {"o"})}, {},
                          {info("o", {2, 3})})},
          "choice")};
  parts.initializers = {doubles("a", {3}, 1), doubles("b", {3}, 2)};
  parts.inputs = {info("x", {2, 3})};
  parts.outputs = {info("y", {2, 3})};
  return parts;
}

TEST(ControlSteps, AnIfWhoseConditionIsComputedRunsOneBranch) {
  const Doubles x = numbers(6, 0.3), a = numbers(3, 1), b = numbers(3, 2);
  for (const bool above : {true, false}) {
    ModelParts parts = choice();
    parts.initializers.push_back(
        raw_tensor<double>("level", kDouble, {}, {above ? -100.0 : 100.0}));
    const Computed got = compute(parts, {});
    EXPECT_EQ(got.ops.at("Branch"), 2);  // and its gradient
    const Computed again = compute(parts, {64, 0, true});
    expect_close(again.y, got.y, "y");
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double factor = above ? a[i % 3] : 1 / b[i % 3] - 1;
      EXPECT_NEAR(got.y[i], x[i] * factor, 1e-14);
      EXPECT_NEAR(got.gradients.at("x")[i], 2 * x[i] * factor * factor, 1e-12);
    }
    for (std::size_t k = 0; k < 3; ++k) {
      const double da = above ? 2 * a[k] * (x[k] * x[k] + x[k + 3] * x[k + 3]) : 0;
      EXPECT_NEAR(got.gradients.at("a")[k], da, 1e-12);
      EXPECT_EQ(got.gradients.at("b")[k] == 0, above);
    }
  }
}

// s = 2 s until a state computed from data says stop.
TEST(ControlSteps, ALoopMayEndByWhatItComputes) {
  ModelParts parts;
  parts.nodes = {node(
      "Loop", {"", "", "x"}, {"y"},
      {body_attribute("body",
                      {node("Add", {"s", "s"}, {"next"}),
                       node("ReduceSumSquare", {"next"}, {"q"}, {int_attribute("keepdims", 0)}),
                       node("Less", {"q", "limit"}, {"on"})},
                      {value_info("i", {}, kInt), value_info("go", {}, kBool), info("s", {2, 3})},
                      {value_info("on", {}, kBool), info("next", {2, 3})})})};
  parts.initializers = {raw_tensor<double>("limit", kDouble, {}, {1000})};
  parts.inputs = {info("x", {2, 3})};
  parts.outputs = {info("y", {2, 3})};
  const Computed got = compute(parts, {});
  const Doubles x = numbers(6, 0.3);
  double squares = 0, factor = 1;
  for (const double value : x) {
    squares += value * value;
  }
  do {
    factor *= 2;
  } while (squares * factor * factor < 1000);
  for (std::size_t i = 0; i < x.size(); ++i) {
    EXPECT_DOUBLE_EQ(got.y[i], factor * x[i]);
    EXPECT_DOUBLE_EQ(got.gradients.at("x")[i], 2 * factor * factor * x[i]);
  }
}

// As TensorFlow's recurrent layers are exported: a counter among the carried values ends the loop.
ModelParts counted() {
  ModelParts parts;
  parts.nodes = {node(
      "Loop", {"", "go", "first", "x"}, {"end", "last", "y"},
      {body_attribute("body",
                      {node("Add", {"t", "one"}, {"after"}),
                       node("Less", {"after", "times"}, {"on"}), node("MatMul", {"s", "w"}, {"m"}),
                       node("Tanh", {"m"}, {"next"}), node("Identity", {"next"}, {"seen"})},
                      {value_info("i", {}, kInt), value_info("cond", {}, kBool),
                       value_info("t", {}, kInt), info("s", {2, 3})},
                      {value_info("on", {}, kBool), value_info("after", {}, kInt),
                       info("next", {2, 3}), info("seen", {2, 3})})})};
  parts.initializers = {doubles("w", {3, 3}, 1), scalar("first", 0), scalar("one", 1),
                        scalar("times", 6), raw_tensor<char>("go", kBool, {}, {1})};
  parts.inputs = {info("x", {2, 3})};
  parts.outputs = {info("y", {6, 2, 3})};
  return parts;
}

TEST(ControlSteps, ALoopMayStackWhenNumbersThatAreKnownEndIt) {
  expect_equal(counted(), {3}, counted(), "Iterate");
}

// y[i] = w at each of 4096 steps: halves count to 2048 and no further.
TEST(ControlSteps, WhatABodyOf16BitsReadsHasItsGradientAddedUpInFloat32) {
  Graph graph(graph::standard_ops());
  const ValueId w = graph.add_input("w", DType::kFloat16, Shape{});
  const auto body = std::make_shared<graph::Body>(graph::Body{"body", Graph(graph.registry())});
  body->graph.add_input("step", DType::kInt64, Shape{});
  const ValueId inner = body->graph.add_input("w", DType::kFloat16, Shape{});
  body->graph.add_output("y", graph::Builder(body->graph).op("Identity", {inner}));
  Iteration parts;
  parts.captures = 1;
  parts.stacked = 1;
  parts.steps = 4096;
  const NodeId loop =
      graph.add_node(graph.registry().get("Iterate"), {{}, {}, w}, {""}, parts.attrs(), "loop");
  graph.node(loop).bodies = {body};
  graph::infer_node(graph, loop);
  graph::Builder b(graph, "loss");
  const ValueId y = graph.node(loop).outputs[0];
  const std::vector<ValueId> dw =
      graph::gradient(graph, b.reduce_sum(y, {0}, false), std::vector<ValueId>{w});
  graph.add_output("dw", dw[0]);
  const std::map<ValueId, Tensor> given = {{w, Tensor::scalar(DType::kFloat16, 3)}};
  EXPECT_EQ(run_plan(graph, given)[0].values<double>(), Doubles{4096});
  EXPECT_EQ(graph::evaluate(graph, reference(), given, dw)[0].values<double>(), Doubles{4096});
}

TEST(ControlSteps, RefuseShapesThatDependOnData) {
  ModelParts parts = power(-1);
  parts.nodes = {node(
      "Loop", {"n", "", "x"}, {"last", "y"},
      {body_attribute("body",
                      {node("Tanh", {"s"}, {"next"}), node("Identity", {"go"}, {"on"}),
                       node("Identity", {"next"}, {"seen"})},
                      {value_info("i", {}, kInt), value_info("go", {}, kBool), info("s", {2, 3})},
                      {value_info("on", {}, kBool), info("next", {2, 3}), info("seen", {2, 3})})},
      "stacking")};
  expect_error(ErrorCode::kUnsupported, "in Loop 'stacking'", [&] { compute(parts, {}); });
  parts = power(70);
  parts.nodes = {node(
      "Loop", {"n", "", "x"}, {"y"},
      {body_attribute("body",
                      {node("Concat", {"s", "x"}, {"next"}, {int_attribute("axis", 0)}),
                       node("Identity", {"go"}, {"on"})},
                      {value_info("i", {}, kInt), value_info("go", {}, kBool), info("s", {2, 3})},
                      {value_info("on", {}, kBool), info("next", {2, 3})})},
      "growing")};
  expect_error(ErrorCode::kUnsupported, "carried value 0 is f64[2,3] before",
               [&] { compute(parts, {}); });
}

}  // namespace
}  // namespace temper::test
