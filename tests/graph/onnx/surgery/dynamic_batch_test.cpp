// Exports with a fixed batch take any: what they then give is what onnxruntime gave for each sample
// of the original (tools/oracle/prepare_models.py).
#include "graph/onnx/surgery/dynamic_batch.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/graph/onnx/expect_error.h"
#include "tests/graph/onnx/surgery/prepared.h"
#include "tests/graph/onnx/symbolic_info.h"
#include "training/formats/npz.h"

namespace temper::test {
namespace {

graph::PrepareOptions dynamic() {
  graph::PrepareOptions options;
  options.dynamic_batch = true;
  return options;
}

void expect_close(const Tensor& actual, const Tensor& expected, const std::string& what) {
  ASSERT_EQ(actual.shape(), expected.shape()) << what;
  const std::vector<double> a = actual.values<double>(), e = expected.values<double>();
  for (std::size_t i = 0; i < a.size(); ++i) {
    // Sums in another order than onnxruntime's, in float32.
    ASSERT_NEAR(a[i], e[i], 2e-5 * (1 + std::abs(e[i]))) << what << " at " << i;
  }
}

TEST(DynamicBatch, GivesEachSampleWhatOnnxruntimeGivesItInTheOriginal) {
  for (const std::string name : {"pictures", "vit", "segment", "recurrent"}) {
    const PreparedModel made(surgery_fixture(name + ".onnx"), dynamic());
    EXPECT_EQ(made.load().batch().symbol, "batch") << name;
    EXPECT_EQ(made.load().outputs()[0].dims[0].symbol, "batch") << name;
    const training::NpzFile oracle(surgery_fixture(name + ".npz"));
    const Tensor x = oracle.read("x"), y = oracle.read("y");
    std::int64_t first = 0;
    for (const std::int64_t batch : {1, 7, 32}) {
      expect_close(made.outputs(rows(x, first, batch))[0], rows(y, first, batch),
                   concat(name, " in a batch of ", batch));
      first += batch;
    }
  }
}

TEST(DynamicBatch, LeavesWhatDoesNotHoldTheBatch) {
  const std::string from = surgery_fixture("pictures.onnx");
  const PreparedModel made(from, dynamic());
  const graph::OnnxModel before = graph::OnnxModel::load(from), after = made.load();
  EXPECT_EQ(after.opset(), before.opset());
  EXPECT_EQ(after.producer(), before.producer());
  EXPECT_EQ(after.op_counts(), before.op_counts());  // a Reshape needs no computed size
  EXPECT_TRUE(
      equal_bits(made.tensor("fc.weight"), PreparedModel(from, dynamic()).tensor("fc.weight")));
}

// x [2, 3, 4] through nodes of one name, all with opset 20.
std::string chain(const std::vector<Message>& nodes, const std::vector<Message>& tensors,
                  const std::string& last, const std::vector<std::string>& dims) {
  ModelParts parts;
  parts.nodes = nodes;
  parts.inputs = {symbolic_info("x", {"2", "3", "4"})};
  parts.outputs = {symbolic_info(last, dims)};
  parts.initializers = tensors;
  return parts.bytes();
}

TEST(DynamicBatch, RefusesAModelThatMixesSamples) {
  const TemporaryFolder folder;
  const std::string path = folder.write(
      "mix.onnx",
      chain({node("ReduceMean", {"x", "axes"}, {"y"})}, {ints("axes", {0})}, "y", {"1", "3", "4"}));
  expect_error(ErrorCode::kUnsupported, "reduces over the samples of a batch",
               [&] { PreparedModel(path, dynamic()); });
}

Tensor counted(const Shape& shape) {
  std::vector<float> values(static_cast<std::size_t>(shape.element_count()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(i);
  }
  return Tensor::from<float>(DType::kFloat32, shape, values);
}

TEST(DynamicBatch, SaysTheOtherDimensionsWhereTheFileLeftOneOpen) {
  const TemporaryFolder folder;
  const std::string path = folder.write(
      "rows.onnx", chain({node("Reshape", {"x", "rows"}, {"r"}), node("Relu", {"r"}, {"q"}),
                          node("Reshape", {"q", "back"}, {"y"})},
                         {ints("rows", {6, -1}), ints("back", {2, -1, 2})}, "y", {"2", "6", "2"}));
  const PreparedModel made(path, dynamic());
  const Tensor y = made.outputs(counted({5, 3, 4}))[0];
  EXPECT_EQ(y.shape(), (Shape{5, 6, 2}));
  EXPECT_EQ(y.values<float>(), counted({5, 6, 2}).values<float>());
  EXPECT_EQ(made.load().op_counts(), graph::OnnxModel::load(path).op_counts());
}

// A length that is a symbol takes the one open dimension of the target.
TEST(DynamicBatch, ComputesATargetWhereNothingElseCanSayIt) {
  const TemporaryFolder folder;
  ModelParts parts;
  parts.nodes = {node("Unsqueeze", {"x", "front"}, {"u"}), node("Reshape", {"u", "to"}, {"y"})};
  parts.inputs = {symbolic_info("x", {"2", "s", "4"})};
  parts.outputs = {symbolic_info("y", {"2", "s", "4"})};
  parts.initializers = {ints("front", {0}), ints("to", {2, -1, 4})};
  const PreparedModel made(folder.write("m.onnx", parts.bytes()), dynamic(), {{"s", 3}});
  const Tensor x = counted({3, 5, 4});
  EXPECT_TRUE(equal_bits(made.outputs(x)[0], x));
}

Message places(const std::string& name, const Dims& dims, const std::vector<std::int64_t>& values) {
  return raw_tensor(name, 7, dims, values);
}

// x [1, 3, 2] through nodes that pick y within the sample, as exporters write strided views, masks
// and a text's last token: each of five samples gets what it gets alone.
void expect_picked(const std::vector<Message>& nodes, const std::vector<Message>& tensors,
                   const std::vector<int>& picked, const Shape& shape) {
  const TemporaryFolder folder;
  ModelParts parts;
  parts.nodes = nodes;
  parts.inputs = {symbolic_info("x", {"1", "3", "2"})};
  parts.outputs = {symbolic_info("y", {})};
  parts.initializers = tensors;
  const PreparedModel made(folder.write("picks.onnx", parts.bytes()), dynamic());
  const Tensor x = counted({5, 3, 2});
  const Tensor y = made.outputs(x)[0];
  ASSERT_EQ(y.shape(), shape);
  std::vector<float> expected;
  for (int sample = 0; sample < 5; ++sample) {
    for (const int place : picked) {
      expected.push_back(static_cast<float>(6 * sample + place));
    }
  }
  EXPECT_EQ(y.values<float>(), expected);
}

TEST(DynamicBatch, PicksInEachSampleWhatTheFilePicksInOne) {
  expect_picked({node("Reshape", {"x", "flat"}, {"f"}), node("Gather", {"f", "places"}, {"y"})},
                {ints("flat", {-1}), places("places", {1, 2, 2}, {5, 3, 0, 3})}, {5, 3, 0, 3},
                {5, 2, 2});
  expect_picked({node("GatherND", {"x", "places"}, {"y"})},
                {places("places", {1, 2, 2}, {0, 2, 0, 1})}, {4, 5, 2, 3}, {5, 2, 2});
  const std::vector<Message> last{
      node("ReduceSum", {"x", "two"}, {"s"}, {int_attribute("keepdims", 0)}),
      node("ArgMax", {"s"}, {"place"}, {int_attribute("axis", 1)})};
  std::vector<Message> tuples = last, rows = last;
  tuples.push_back(node("Concat", {"zero", "place"}, {"both"}, {int_attribute("axis", 1)}));
  tuples.push_back(node("GatherND", {"x", "both"}, {"y"}));
  expect_picked(tuples, {ints("two", {2}), places("zero", {1, 1}, {0})}, {4, 5}, {5, 2});
  rows.push_back(node("Reshape", {"place", "one"}, {"row"}));
  rows.push_back(node("Reshape", {"x", "rows"}, {"r"}));
  rows.push_back(node("Gather", {"r", "row"}, {"y"}));
  expect_picked(rows, {ints("two", {2}), ints("one", {1}), ints("rows", {3, 2})}, {4, 5}, {5, 2});
}

TEST(DynamicBatch, SaysThatABatchIsDynamicAlready) {
  const TemporaryFolder folder;
  ModelParts parts;
  parts.nodes = {node("Relu", {"x"}, {"y"})};
  parts.inputs = {symbolic_info("x", {"N", "4"})};
  parts.outputs = {symbolic_info("y", {"N", "4"})};
  const std::string bytes = parts.bytes();
  const PreparedModel made(folder.write("any.onnx", bytes), dynamic());
  EXPECT_EQ(TemporaryFolder::read_all(made.path()), bytes);
  EXPECT_NE(made.done.notes.at(0).find("dynamic already"), std::string::npos);
}

}  // namespace
}  // namespace temper::test
