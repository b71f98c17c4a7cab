// Changing the batch size that an export has fixed.
#include "graph/passes/rebatch.h"

#include <gtest/gtest.h>

#include "graph/ops/standard_ops.h"
#include "runtime/base/error.h"

namespace temper::test {
namespace {

using graph::Graph;
using Ints = std::vector<std::int64_t>;

// x of a fixed shape, and nodes added one behind the other.
struct Chain {
  Graph graph{graph::standard_ops()};
  ValueId last;

  explicit Chain(const Shape& shape) : last(graph.add_input("x", DType::kFloat32, shape)) {}

  NodeId then(const char* op, const std::optional<Ints>& constant = {}, Attrs attrs = {}) {
    std::vector<ValueId> inputs = {last};
    if (constant) {
      const auto count = static_cast<std::int64_t>(constant->size());
      inputs.push_back(
          graph.add_constant("", Tensor::from<std::int64_t>(DType::kInt64, {count}, *constant)));
    }
    const NodeId id = graph.add_node(graph.registry().get(op), inputs, {""}, std::move(attrs), op);
    last = graph.node(id).outputs[0];
    return id;
  }
  Ints target(NodeId id) {
    return graph.value(graph.node(id).inputs[1]).constant.values<std::int64_t>();
  }
};

TEST(Rebatch, ChangesTheInputAndTheTargetThatTorchWrites) {
  Chain chain({1, 16, 5, 5});
  chain.then("Relu");
  const NodeId flatten = chain.then("Reshape", Ints{1, 400}, {{"allowzero", std::int64_t{1}}});
  graph::rebatch(chain.graph, 1, 64);
  EXPECT_EQ(chain.graph.value(chain.graph.inputs[0]).dims[0].value, 64);
  EXPECT_EQ(chain.graph.value(chain.graph.inputs[0]).shape, (Shape{64, 16, 5, 5}));
  EXPECT_EQ(chain.target(flatten), (Ints{-1, 400}));
}

TEST(Rebatch, CopiesTheDimensionWhereTheTargetAlreadyHasARest) {
  Chain chain({1, 4, 8});
  const NodeId zero = chain.then("Reshape", Ints{1, -1});
  const NodeId rest = chain.then("Reshape", Ints{1, -1, 2}, {{"allowzero", std::int64_t{1}}});
  graph::rebatch(chain.graph, 1, 3);
  EXPECT_EQ(chain.target(zero), (Ints{0, -1}));
  EXPECT_EQ(chain.target(rest), (Ints{0, -1, 2}));
  EXPECT_EQ(chain.graph.node(rest).attrs.get_int("allowzero", 1), 0);
}

TEST(Rebatch, MakesTheBatchASymbol) {
  Chain chain({2, 3});
  graph::rebatch(chain.graph, 2, -1);
  const auto& x = chain.graph.value(chain.graph.inputs[0]);
  EXPECT_EQ(x.dims[0].symbol, "batch");
  EXPECT_FALSE(x.shape_known);
}

TEST(Rebatch, FollowsTheBatchThroughATranspose) {
  Chain chain({1, 3, 4});
  chain.then("Transpose", {}, {{"perm", Ints{1, 0, 2}}});
  const NodeId reshape = chain.then("Reshape", Ints{3, 1, 2, 2});
  graph::rebatch(chain.graph, 1, 5);
  EXPECT_EQ(chain.target(reshape), (Ints{3, 0, 2, 2}));
}

TEST(Rebatch, LeavesOtherTargetsAlone) {
  Chain chain({1, 3, 4});
  chain.then("ReduceSum", Ints{0}, {{"keepdims", std::int64_t{0}}});
  const NodeId unrelated = chain.then("Reshape", Ints{1, 12});
  graph::rebatch(chain.graph, 1, 5);
  EXPECT_EQ(chain.target(unrelated), (Ints{1, 12}));
}

TEST(Rebatch, DoesNotChangeAConstantThatOthersRead) {
  Chain chain({1, 3, 4});
  const NodeId first = chain.then("Reshape", Ints{1, 12});
  const ValueId shared = chain.graph.node(first).inputs[1];
  chain.graph.add_output("target", shared);
  graph::rebatch(chain.graph, 1, 5);
  EXPECT_EQ(chain.graph.value(shared).constant.values<std::int64_t>(), (Ints{1, 12}));
  EXPECT_EQ(chain.target(first), (Ints{0, 12}));
}

TEST(Rebatch, NamesTheNodeThatMixesTheBatchIntoAnotherDimension) {
  Chain chain({1, 3, 4});
  chain.then("Reshape", Ints{3, 4});
  try {
    graph::rebatch(chain.graph, 1, 5);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
    EXPECT_NE(std::string(error.what()).find("Reshape has the constant target [3,4]"),
              std::string::npos)
        << error.what();
  }
}

TEST(Rebatch, RefusesASizeThatNoInputHas) {
  Chain chain({2, 3});
  EXPECT_THROW(graph::rebatch(chain.graph, 1, 5), Error);
  EXPECT_NO_THROW(graph::rebatch(chain.graph, 7, 7));
}

}  // namespace
}  // namespace temper::test
