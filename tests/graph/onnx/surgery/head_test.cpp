// Another head: rows of known classes keep their bits, new ones are PyTorch's.
#include "graph/onnx/surgery/head.h"

#include <gtest/gtest.h>

#include "tests/graph/onnx/expect_error.h"
#include "tests/graph/onnx/surgery/prepared.h"
#include "training/formats/npz.h"

namespace temper::test {
namespace {

graph::PrepareOptions head_of(std::int64_t classes, std::vector<std::string> keep = {},
                              std::uint64_t seed = 0) {
  graph::PrepareOptions options;
  options.head = graph::HeadOptions{classes, std::move(keep), {}, seed};
  return options;
}

std::vector<float> row(const Tensor& matrix, std::int64_t index) {
  const std::vector<float> values = matrix.values<float>();
  const auto each = matrix.element_count() / matrix.shape()[0];
  return {values.begin() + index * each, values.begin() + (index + 1) * each};
}

TEST(Head, NewClassesBeginAsALinearLayerOfPyTorchDoes) {
  const training::NpzFile oracle(surgery_fixture("head.npz"));
  for (const auto& [name, inputs] : {std::pair("pictures", 16), std::pair("vit", 12)}) {
    const PreparedModel made(surgery_fixture(concat(name, ".onnx")), head_of(7, {}, 3));
    EXPECT_TRUE(equal_bits(made.tensor("head.weight"), oracle.read(concat("weight", inputs))));
    EXPECT_TRUE(equal_bits(made.tensor("head.bias"), oracle.read(concat("bias", inputs))));
    EXPECT_EQ(made.load().outputs()[0].dims[1].value, 7);
  }
}

TEST(Head, KeepsTheRowsOfKnownClassesBitForBit) {
  const std::string from = surgery_fixture("pictures.onnx");
  const PreparedModel made(from, head_of(4, {"4", "0"}, 3));
  const PreparedModel same(from, head_of(5, {"0", "1", "2", "3", "4"}));
  const Tensor weight = made.tensor("head.weight"), before = same.tensor("head.weight");
  EXPECT_EQ(row(weight, 0), row(before, 4));
  EXPECT_EQ(row(weight, 1), row(before, 0));
  EXPECT_NE(row(weight, 2), row(before, 2));
  EXPECT_EQ(row(made.tensor("head.bias"), 1), row(same.tensor("head.bias"), 0));
  // All classes kept in order: the file computes what it did.
  const Tensor one = samples_of("pictures", 1);
  EXPECT_TRUE(equal_bits(outputs_of(from, one)[0], same.outputs(one)[0]));
  EXPECT_EQ(made.outputs(one)[0].shape(), (Shape{1, 4}));
}

TEST(Head, OfAMatMulAndItsAddIsTurned) {
  const TemporaryFolder folder;
  ModelParts parts;
  parts.nodes = {node("MatMul", {"x", "w"}, {"m"}), node("Add", {"m", "b"}, {"a"}),
                 node("Softmax", {"a"}, {"y"})};
  parts.outputs = {value_info("y", {-1, 2})};
  parts.initializers = {floats("w", {4, 2}, {1, 2, 3, 4, 5, 6, 7, 8}), floats("b", {2}, {9, 10})};
  const PreparedModel made(folder.write("m.onnx", parts.bytes()), head_of(3, {"1"}));
  const std::vector<float> weight = made.tensor("w").values<float>();
  EXPECT_EQ(made.tensor("w").shape(), (Shape{4, 3}));
  EXPECT_EQ((std::vector<float>{weight[0], weight[3], weight[6], weight[9]}),
            (std::vector<float>{2, 4, 6, 8}));
  EXPECT_EQ(made.tensor("b").values<float>()[0], 10);
}

// As SqueezeNet has it, with names of classes in the metadata.
TEST(Head, OfAConvolutionIsFoundBehindAPoolingAndAReshape) {
  const TemporaryFolder folder;
  ModelParts parts;
  parts.nodes = {node("Conv", {"x", "w", "b"}, {"c"}), node("GlobalAveragePool", {"c"}, {"p"}),
                 node("Reshape", {"p", "target"}, {"y"})};
  parts.inputs = {value_info("x", {1, 1, 2, 2})};
  parts.outputs = {value_info("y", {1, 2})};
  parts.initializers = {floats("w", {2, 1, 1, 1}, {3, 4}), floats("b", {2}, {5, 6}),
                        ints("target", {1, 2})};
  const Message names = Message().text(1, "names").text(2, "{0: 'cat', 1: 'dog'}");
  const std::string bytes = parts.bytes() + Message().message(14, names).bytes();
  const std::string path = folder.write("m.onnx", bytes);
  const PreparedModel made(path, head_of(3, {"dog"}));
  const Tensor y =
      made.outputs(Tensor::from<float>(DType::kFloat32, {1, 1, 2, 2}, std::vector<float>(4, 1)))[0];
  EXPECT_EQ(y.shape(), (Shape{1, 3}));
  EXPECT_EQ(y.values<float>()[0], 10);
  expect_error(ErrorCode::kInvalidArgument, "names no such class",
               [&] { PreparedModel(path, head_of(3, {"bird"})); });
  expect_error(ErrorCode::kInvalidArgument, "classes are 0 to 1",
               [&] { PreparedModel(path, head_of(3, {"2"})); });
  expect_error(ErrorCode::kInvalidArgument, "names 2 classes",
               [&] { PreparedModel(path, head_of(1, {"0", "1"})); });
}

TEST(Head, OfATiedWeightLeavesTheOtherUseAlone) {
  const TemporaryFolder folder;
  ModelParts parts;
  parts.nodes = {node("MatMul", {"x", "w"}, {"h"}), node("Relu", {"h"}, {"r"}),
                 node("MatMul", {"r", "w"}, {"y"})};
  parts.initializers = {floats("w", {4, 4}, std::vector<float>(16, 0.5f))};
  const PreparedModel made(folder.write("m.onnx", parts.bytes()), head_of(2));
  EXPECT_EQ(made.tensor("w").shape(), (Shape{4, 4}));
  EXPECT_EQ(made.tensor("head.w").shape(), (Shape{4, 2}));
}

TEST(Head, IsRefusedWhereTheOutputIsNoClassifiers) {
  const TemporaryFolder folder;
  ModelParts parts;
  parts.nodes = {node("Add", {"x", "x"}, {"y"})};
  const std::string path = folder.write("m.onnx", parts.bytes());
  expect_error(ErrorCode::kUnsupported, "stands in between",
               [&] { PreparedModel(path, head_of(2)); });
}

}  // namespace
}  // namespace temper::test
