// Changing the batch size that an export has fixed: the graph then gives each sample what it gives
// it in a batch of the file's size, or says which node does not keep the samples apart.
#include "graph/passes/rebatch.h"

#include <gtest/gtest.h>

#include "backends/reference/reference_backend.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/bind_shapes.h"
#include "graph/passes/evaluate.h"
#include "runtime/base/error.h"

namespace temper::test {
namespace {

using graph::Graph;
using Ints = std::vector<std::int64_t>;
constexpr std::int64_t kZero = 0, kOne = 1;

const Backend& reference() {
  static const std::unique_ptr<Backend> backend = reference::make_reference_backend();
  return *backend;
}

// x of a fixed shape, and nodes added one behind the other.
struct Chain {
  Graph graph{graph::standard_ops()};
  ValueId x;
  ValueId last;

  explicit Chain(const Shape& shape) : x(graph.add_input("x", DType::kFloat32, shape)), last(x) {}

  ValueId ints(const Ints& numbers) {
    const Shape shape{static_cast<std::int64_t>(numbers.size())};
    return graph.add_constant("", Tensor::from<std::int64_t>(DType::kInt64, shape, numbers));
  }
  // 0.5, 1.5, ...
  ValueId floats(const Shape& shape) {
    std::vector<double> numbers;
    for (std::int64_t i = 0; i < shape.element_count(); ++i) {
      numbers.push_back(0.5 + static_cast<double>(i));
    }
    return graph.add_constant("", Tensor::from<double>(DType::kFloat32, shape, numbers));
  }
  Chain& node(const char* op, std::vector<ValueId> inputs, Attrs attrs = {}) {
    const NodeId id = graph.add_node(graph.registry().get(op), std::move(inputs), {""},
                                     std::move(attrs), concat(op, " 'it'"));
    last = graph.node(id).outputs[0];
    return *this;
  }
  Chain& then(const char* op, Attrs attrs = {}) { return node(op, {last}, std::move(attrs)); }
  Chain& then(const char* op, const Ints& numbers, Attrs attrs = {}) {
    return node(op, {last, ints(numbers)}, std::move(attrs));
  }
};

// Numbers without a pattern that a mix of samples would keep.
std::vector<float> samples(std::int64_t count) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < count; ++i) {
    values.push_back(static_cast<float>((i * i * 37 + i * 11) % 101) - 50.0f);
  }
  return values;
}

std::vector<float> run(const Graph& graph, ValueId x, ValueId y, const std::vector<float>& data) {
  const Tensor input = Tensor::from<float>(DType::kFloat32, graph.value(x).shape, data);
  return graph::evaluate(graph, reference(), {{x, input}}, {y}).front().values<float>();
}

void rebatch(Graph& graph, std::int64_t from, std::int64_t to) {
  graph::rebatch(graph, {}, from, to, reference());
}

// The output, whose dimension 0 is the batch, of three batches at once and of one after the other.
void expect_samples_apart(const Chain& chain) {
  constexpr std::int64_t kBatches = 3;
  const Shape shape = chain.graph.value(chain.x).shape;
  const std::int64_t batch = shape[0], each = shape.element_count();
  Graph once = chain.graph;
  graph::bind_shapes(once, {}, batch, reference());
  Graph wide = chain.graph;
  rebatch(wide, batch, batch * kBatches);
  const std::vector<float> data = samples(each * kBatches);
  std::vector<float> expected;
  for (std::int64_t b = 0; b < kBatches; ++b) {
    const std::vector<float> part(data.begin() + b * each, data.begin() + (b + 1) * each);
    const std::vector<float> y = run(once, chain.x, chain.last, part);
    expected.insert(expected.end(), y.begin(), y.end());
  }
  EXPECT_EQ(run(wide, chain.x, chain.last, data), expected);
  Shape out = once.value(chain.last).shape;
  out[0] *= kBatches;
  EXPECT_EQ(wide.value(chain.last).shape, out);
}

void expect_refused(const Chain& chain, std::int64_t from, const std::string& what) {
  Graph graph = chain.graph;
  try {
    rebatch(graph, from, 6);
    ADD_FAILURE() << "not refused, expected: " << what;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
    EXPECT_NE(std::string(error.what()).find(what), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("export the model with a dynamic batch"),
              std::string::npos)
        << error.what();
  }
}

TEST(Rebatch, RewritesConstantTargetsOfReshape) {
  expect_samples_apart(Chain({1, 4, 6}).then("Relu").then("Reshape", Ints{1, 24}));
  expect_samples_apart(Chain({2, 4, 6}).then("Reshape", Ints{2, -1}));
  expect_samples_apart(Chain({1, 4, 6}).then("Reshape", Ints{1, -1, 2}, {{"allowzero", kOne}}));
  expect_samples_apart(Chain({2, 4, 6}).then("Reshape", Ints{0, 3, 8}));
  expect_samples_apart(Chain({1, 4, 6}).then("Flatten").then("Unsqueeze", Ints{2}));
}

// As PyTorch writes attention and recurrent layers: rows of all samples one below the other.
TEST(Rebatch, FollowsTheBatchIntoALongerDimensionAndBack) {
  for (const std::int64_t batch : {1, 2}) {
    Chain chain({batch, 4, 6});
    chain.then("Reshape", Ints{batch * 4, 6});
    chain.node("MatMul", {chain.last, chain.floats({6, 3})});
    expect_samples_apart(chain);
    expect_samples_apart(chain.then("Reshape", Ints{batch, -1, 3}));
    expect_samples_apart(chain.then("ReduceMean", Ints{1}, {{"keepdims", kZero}}));
  }
  Chain merged({2, 4, 6});
  expect_samples_apart(merged.then("Flatten", {{"axis", std::int64_t{2}}}));
}

TEST(Rebatch, FollowsTheBatchThroughTransposesAndShapesComputedFromTheInput) {
  for (const std::int64_t batch : {1, 2}) {
    Chain moved({batch, 3, 4});
    moved.then("Transpose", {{"perm", Ints{1, 0, 2}}});
    moved.then("Reshape", Ints{3, batch, 2, 2}).then("ReduceSum", Ints{0}, {{"keepdims", kZero}});
    expect_samples_apart(moved);
    Chain computed({batch, 3, 4});
    const ValueId size = computed.then("Shape").then("Gather", Ints{0}).last;
    const ValueId target =
        computed.node("Concat", {size, computed.ints({-1})}, {{"axis", kZero}}).last;
    expect_samples_apart(computed.node("Reshape", {computed.x, target}));
    const ValueId zeros = computed.node("ConstantOfShape", {size}).last;
    computed.node("Unsqueeze", {zeros, computed.ints({1, 2})});  // a recurrent layer's first state
    const ValueId state = computed.node("Expand", {computed.last, computed.ints({1, 2, 4})}).last;
    expect_samples_apart(computed.node("Concat", {state, computed.x}, {{"axis", kOne}}));
  }
}

TEST(Rebatch, LeavesWhatAllSamplesShareToAll) {
  Chain token({1, 4, 6});  // the class token of a vision transformer
  const ValueId expanded =
      token.node("Expand", {token.floats({1, 1, 6}), token.ints({1, 1, 6})}).last;
  token.node("Concat", {expanded, token.x}, {{"axis", kOne}});
  expect_samples_apart(token.node("Add", {token.last, token.floats({1, 5, 6})}));
  Chain many({2, 4, 6});
  const ValueId two = many.floats({2, 1, 6});
  many.node("Concat", {two, many.x}, {{"axis", kOne}});
  expect_refused(many, 2, "joins the batch with [2,1,6], which the file gives for 2 samples");
}

TEST(Rebatch, TakesAllOfTheBatchWhereASliceDid) {
  for (const std::int64_t batch : {1, 2}) {
    Chain chain({batch, 4});
    chain.node("Slice", {chain.x, chain.ints({0, 1}), chain.ints({batch, 3}), chain.ints({0, 1})});
    expect_samples_apart(chain);
  }
  Chain some({2, 4});
  some.node("Slice", {some.x, some.ints({0}), some.ints({1}), some.ints({0})});
  expect_refused(some, 2, "Slice 'it' takes a part of the batch");
  Chain backwards({2, 4});
  backwards.node("Slice", {backwards.x, backwards.ints({-1}), backwards.ints({-9}),
                           backwards.ints({0}), backwards.ints({-1})});
  expect_refused(backwards, 2, "Slice 'it' takes a part of the batch");
}

TEST(Rebatch, KeepsOtherDimensionsOfSplitTilePadAndConcat) {
  Chain split({2, 4});
  expect_samples_apart(split.then("Split", Ints{4}, {{"axis", kOne}}));
  expect_samples_apart(Chain({2, 4}).then("Tile", Ints{1, 3}));
  expect_samples_apart(Chain({2, 4}).then("Pad", Ints{0, 1, 0, 2}));
  Chain twice({2, 4});
  expect_samples_apart(twice.node("Concat", {twice.x, twice.x}, {{"axis", kOne}}));
  Chain tables({2, 4});
  tables.then("Abs").then("Cast", {{"to", std::string("i64")}});
  tables.node("Gather", {tables.floats({101, 3}), tables.last}, {{"axis", kZero}});
  expect_samples_apart(tables.then("ReduceMax", Ints{2}));
}

// As exporters write strided views and masks of a file of one sample.
TEST(Rebatch, PicksInEachSampleWhatAFileOfOneSamplePicksInIt) {
  const auto places = [](Chain& chain, const Shape& shape, const Ints& numbers) {
    return chain.graph.add_constant("", Tensor::from<std::int64_t>(DType::kInt64, shape, numbers));
  };
  Chain strided({1, 2, 3});
  strided.then("Reshape", Ints{-1});
  strided.node("Gather", {strided.last, places(strided, {1, 3, 2}, {0, 3, 1, 4, 2, -1})},
               {{"axis", kZero}});
  expect_samples_apart(strided);
  Chain mask({1, 4});
  mask.node("GatherND", {mask.x, places(mask, {1, 2, 2, 2}, {0, 0, 0, 3, 0, 1, 0, 1})});
  expect_samples_apart(mask);
  Chain deep({1, 2, 3, 2});
  deep.node("GatherND", {deep.x, places(deep, {1, 2, 3}, {0, 1, 2, 0, 0, 1})});
  expect_samples_apart(deep);
  Chain computed({1, 4, 3});  // x[range(batch), argmax(sum(x))]: the place of a text's last token
  computed.then("ReduceSum", Ints{2}).then("Reshape", Ints{1, 4}).then("ArgMax", {{"axis", kOne}});
  computed.node("Concat", {places(computed, {1, 1}, {0}), computed.last}, {{"axis", kOne}});
  expect_samples_apart(computed.node("GatherND", {computed.x, computed.last}));
  Chain flat({1, 4, 3});  // the same as other exporters have it: of all rows below one another
  flat.then("ReduceSum", Ints{2}).then("Reshape", Ints{1, 4}).then("ArgMax", {{"axis", kOne}});
  const ValueId place = flat.then("Reshape", Ints{1}).last;
  flat.last = flat.x;
  flat.then("Reshape", Ints{4, 3});
  expect_samples_apart(flat.node("Gather", {flat.last, place}, {{"axis", kZero}}));
  Chain shared({1, 3});
  const ValueId table = shared.floats({1, 5});
  const ValueId wide = shared.then("Cast", {{"to", std::string("i64")}}).last;
  const ValueId low = places(shared, {}, {0}), high = places(shared, {}, {4});
  shared.node("Clip", {wide, low, high});
  shared.node("GatherElements", {table, shared.last}, {{"axis", kOne}});
  expect_samples_apart(shared);
}

TEST(Rebatch, RefusesWhatMixesSamples) {
  for (const std::int64_t batch : {1, 2}) {
    const Shape shape{batch, 4};
    expect_refused(Chain(shape).then("Tile", Ints{3, 1}), batch, "Tile 'it' repeats the batch");
    expect_refused(Chain(shape).then("Pad", Ints{1, 0, 0, 0}), batch,
                   "Pad 'it' pads or crops the batch");
    Chain joined(shape);
    joined.node("Concat", {joined.x, joined.x}, {{"axis", kZero}});
    expect_refused(joined, batch, "Concat 'it' joins values along the batch dimension");
    expect_refused(Chain(shape).then("Split", Ints{batch}, {{"axis", kZero}}), batch,
                   "Split 'it' splits the batch");
    expect_refused(Chain(shape).then("Gather", Ints{0}, {{"axis", kZero}}), batch,
                   "Gather 'it' picks samples of the batch");
    expect_refused(Chain(shape).then("Softmax", {{"axis", kZero}}), batch,
                   "Softmax 'it' normalises over the samples of a batch");
    for (const char* op : {"ReduceSum", "ReduceMean", "ReduceMax"}) {
      expect_refused(Chain(shape).then(op, Ints{0}), batch,
                     concat(op, " 'it' reduces over the samples of a batch"));
      expect_refused(Chain(shape).then(op), batch, "reduces over the samples of a batch");
    }
    expect_refused(Chain(shape).then("ArgMax", {{"axis", kZero}}), batch,
                   "ArgMax 'it' reduces over the samples of a batch");
    Chain product(shape);
    product.node("MatMul", {product.floats({3, batch}), product.x});
    expect_refused(product, batch, "MatMul 'it' sums over the samples of a batch");
  }
  expect_refused(Chain({1, 4}).then("Squeeze", Ints{0}), 1, "Squeeze 'it' removes the batch");
  expect_refused(Chain({1, 4}).then("Squeeze"), 1, "Squeeze 'it' removes the batch");
  expect_refused(Chain({1, 4}).then("Expand", Ints{5, 4}), 1,
                 "Expand 'it' broadcasts the batch dimension of [1,4] to [5,4]");
  Chain added({1, 4});
  added.node("Add", {added.x, added.floats({6, 4})});
  expect_refused(added, 1, "Add 'it' broadcasts the batch dimension of [1,4] to [6,4]");
  expect_refused(Chain({2, 3, 4}).then("Reshape", Ints{3, 8}), 2,
                 "Reshape 'it' makes [3,8] of [2,3,4], which puts the batch size 2 into another");
}

TEST(Rebatch, DoesNotChangeAConstantThatOthersRead) {
  Chain chain({1, 3, 4});
  const ValueId shared = chain.ints({1, 12});
  chain.node("Reshape", {chain.x, shared});
  chain.graph.add_output("target", shared);
  rebatch(chain.graph, 1, 5);
  EXPECT_EQ(chain.graph.value(shared).constant.values<std::int64_t>(), (Ints{1, 12}));
  EXPECT_EQ(chain.graph.value(chain.last).shape, (Shape{5, 12}));
}

// An op's file says where the batch goes; what says nothing is not guessed.
TEST(Rebatch, RefusesAnOpThatSaysNothingOfTheBatch) {
  Chain chain({1, 4});
  expect_refused(chain.node("ReluGrad", {chain.x, chain.x}), 1,
                 "ReluGrad 'it' may mix the samples of a batch");
}

TEST(Rebatch, RefusesASizeThatNoInputHas) {
  Chain chain({2, 3});
  EXPECT_THROW(rebatch(chain.graph, 1, 5), Error);
}

}  // namespace
}  // namespace temper::test
