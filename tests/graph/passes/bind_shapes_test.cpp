#include "graph/passes/bind_shapes.h"

#include <gtest/gtest.h>

#include "tests/graph/onnx/expect_error.h"
#include "tests/graph/small_graph.h"

namespace temper::test {
namespace {

using graph::Dim;

TEST(BindShapes, GivesSymbolsTheirSizesAndAnUnnamedFirstDimensionTheBatch) {
  SmallGraph g;
  const ValueId x = g.graph.add_input("x", DType::kFloat32, {Dim{-1, "batch"}, Dim{-1, "length"}});
  const ValueId y = g.graph.add_input("y", DType::kFloat32, {Dim{-1, ""}, Dim{5, ""}});
  graph::bind_shapes(g.graph, {{"length", 7}}, 3, reference());
  EXPECT_EQ(g.graph.value(x).shape, (Shape{3, 7}));
  EXPECT_EQ(g.graph.value(y).shape, (Shape{3, 5}));
}

TEST(BindShapes, SaysWhichDimensionIsOpen) {
  SmallGraph g;
  g.graph.add_input("x", DType::kFloat32, {Dim{-1, "batch"}, Dim{-1, "length"}});
  expect_error(ErrorCode::kInvalidArgument, "length=64",
               [&] { graph::bind_shapes(g.graph, {}, 3, reference()); });
}

TEST(BindShapes, FoldsShapesComputedFromShapes) {
  SmallGraph g;
  const ValueId x = g.graph.add_input("x", DType::kFloat32, {Dim{-1, "batch"}, Dim{6, ""}});
  const auto raw = [&](const char* op, std::vector<ValueId> inputs, Attrs attrs = {}) {
    const NodeId id =
        g.graph.add_node(g.graph.registry().get(op), std::move(inputs), {""}, std::move(attrs), op);
    return g.graph.node(id).outputs[0];
  };
  const ValueId first = raw("Gather", {raw("Shape", {x}), g.constant({1}, {0}, DType::kInt64)});
  const ValueId shape =
      raw("Concat", {first, g.constant({2}, {2, 3}, DType::kInt64)}, {{"axis", std::int64_t{0}}});
  const ValueId y = raw("Reshape", {x, shape});
  g.output("y", y);
  graph::bind_shapes(g.graph, {}, 4, reference());
  EXPECT_EQ(g.graph.value(y).shape, (Shape{4, 2, 3}));
  EXPECT_EQ(g.count("Shape") + g.count("Gather") + g.count("Concat"), 0u);
}

TEST(FoldConstants, LeavesDataRandomNumbersAndWhatWouldGrow) {
  SmallGraph g;
  const ValueId x = g.input("x", {2});
  const ValueId folded = g.b.add(g.constant({2}, {1, 2}), g.constant({2}, {3, 4}));
  g.output("a", g.b.add(x, folded));
  const ValueId random = g.b.op("PhiloxRandom", {g.constant({}, {0}, DType::kInt64)},
                                {{"shape", std::vector<std::int64_t>{2}}});
  g.output("b", random);
  const ValueId large = g.b.expand(g.constant({1}, {1}), {1 << 20});
  g.output("c", large);
  graph::fold_constants(g.graph, reference());
  EXPECT_EQ(g.count("Add"), 1u);
  EXPECT_EQ(g.graph.value(folded).constant.values<double>(), (Doubles{4, 6}));
  EXPECT_EQ(g.count("PhiloxRandom"), 1u);
  EXPECT_EQ(g.count("Expand"), 1u);
}

}  // namespace
}  // namespace temper::test
