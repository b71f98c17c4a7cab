// What the ops that are made of others refuse, and how they are evaluated without a kernel.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "graph/autodiff/gradient.h"
#include "tests/graph/onnx/expect_error.h"
#include "tests/graph/small_graph.h"

namespace temper::test {
namespace {

// The error of one node of these inputs.
void expect_refused(const char* op, const std::vector<Shape>& shapes, Attrs attrs,
                    const char* text) {
  SmallGraph g;
  std::vector<ValueId> inputs;
  for (const Shape& shape : shapes) {
    inputs.push_back(g.input(("x" + std::to_string(inputs.size())).c_str(), shape));
  }
  expect_error(ErrorCode::kInvalidModel, text, [&] { g.b.op(op, inputs, std::move(attrs)); });
}

TEST(ComposedOps, AreEvaluatedByTheirExpansionAndLeaveTheGraphAsItIs) {
  SmallGraph g;
  const ValueId x = g.input("x", {2, 2});
  const ValueId y = g.b.op("ReduceSumSquare", {x}, {{"axes", std::vector<std::int64_t>{1}}});
  const int nodes = g.graph.node_count();
  EXPECT_EQ(g.run({{x, {1, 2, 3, 4}}}, y), (Doubles{5, 25}));
  EXPECT_EQ(g.graph.node_count(), nodes);
}

TEST(ComposedOps, RefuseEquationsThatDoNotFit) {
  const auto equation = [](const char* text) { return Attrs{{"equation", std::string(text)}}; };
  expect_refused("Einsum", {{2, 3}}, equation("ij,jk->ik"), "2 terms for 1 inputs");
  expect_refused("Einsum", {{2, 3}, {4, 2}}, equation("ij,jk->ik"), "the sizes 3 and 4");
  expect_refused("Einsum", {{2, 3}}, equation("ij->ijk"), "that no input has");
  expect_refused("Einsum", {{2, 3}}, equation("ij->ii"), "has it twice");
  expect_refused("Einsum", {{2, 3}}, equation("i->i"), "for an input of shape");
  expect_refused("Einsum", {{2, 3}}, equation("i1->i"), "expected letters");
  expect_refused("Einsum", {{2, 3}}, equation("...j->j"), "no '...' in its output");
}

TEST(ComposedOps, RefuseNormalisationsThatDoNotFit) {
  expect_refused("LayerNormalization", {{2, 3}, {4}}, {}, "broadcast");
  expect_refused("GroupNormalization", {{2, 4, 3}, {4}, {4}}, {{"num_groups", std::int64_t{3}}},
                 "does not divide the 4 channels");
  expect_refused("InstanceNormalization", {{2, 3}, {3}, {3}}, {}, "expected [N, C, d, ...]");
  expect_refused("LpNormalization", {{2, 3}}, {{"p", std::int64_t{3}}}, "expected 1 or 2");
  expect_refused("LRN", {{2, 3}}, {}, "LRN has size 0");
}

TEST(ComposedOps, RefuseAttentionThatDoesNotFit) {
  const Shape q{1, 3, 2, 4}, k{1, 2, 5, 4};
  expect_refused("Attention", {q, k, k}, {}, "do not fit");
  expect_refused("Attention", {{1, 2, 8}, {1, 2, 8}, {1, 2, 8}}, {}, "q_num_heads is 0");
  expect_refused("Attention", {k, k, k}, {{"left_window_size", std::int64_t{-2}}},
                 "left_window_size is -2");
  expect_refused("Attention", {k, k, k, {1, 5}, k}, {}, "past_key and past_value go together");
  expect_refused("RotaryEmbedding", {{1, 2, 3, 5}, {1, 3, 2}, {1, 3, 2}}, {}, "even number");
}

TEST(ComposedOps, NameTheLimitOfTheGradientOfDeterminants) {
  SmallGraph g;
  const ValueId x = g.input("x", {17, 17});
  const ValueId y = g.b.op("Det", {x});
  const std::vector<ValueId> wrt{x};
  expect_error(ErrorCode::kUnsupported, "the gradient of Det of 17 x 17 matrices",
               [&] { graph::gradient(g.graph, y, wrt); });
}

}  // namespace
}  // namespace temper::test
