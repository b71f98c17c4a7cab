// Model files that break ONNX's rules, given to the command.
#include <gtest/gtest.h>

#include "tests/errors/bad_input.h"

namespace temper::test {
namespace {

class BadModel : public BadInput {};

TEST_F(BadModel, TheGoodOneBesideThemIsTaken) {
  const CommandResult result = temper(good_);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  write_model("conv.onnx", conv_model({}, 3));
  const CommandResult conv = temper({"train", "conv.onnx", "images.npz", "train.epochs=1"});
  EXPECT_EQ(conv.exit_code, 0) << conv.err;
}

TEST_F(BadModel, AnEmptyFileIsNamed) {
  write("m.onnx", "");
  expect_model_refused("m.onnx", 3, {"'m.onnx' is empty"});
}

TEST_F(BadModel, AFileThatIsSomethingElseIsNamedForWhatItIs) {
  write("m.onnx", "\x89PNG\r\n\x1a\n and a picture");
  expect_model_refused("m.onnx", 3, {"m.onnx", "a PNG picture"});
}

TEST_F(BadModel, AMissingFileIsAnIoError) {
  expect_model_refused("none.onnx", 4, {"none.onnx", "No such file"});
}

TEST_F(BadModel, ACycleIsShownNodeByNode) {
  ModelParts parts = linear_model();
  parts.nodes = {node("Add", {"x", "c"}, {"a"}, {}, "one"), node("Relu", {"a"}, {"c"}, {}, "two"),
                 node("Gemm", {"c", "w", "b"}, {"y"}, {int_attribute("transB", 1)}, "fc")};
  write_model("m.onnx", parts);
  expect_model_refused("m.onnx", 3, {"cycle", "Add 'one'", "Relu 'two'", "m.onnx"});
}

TEST_F(BadModel, AMissingInitializerIsNamedWithItsReader) {
  ModelParts parts = linear_model();
  parts.initializers.pop_back();
  write_model("m.onnx", parts);
  expect_model_refused("m.onnx", 3, {"Gemm 'fc' reads 'b'", "m.onnx"});
}

// As ONNX's own light models, whose nodes make the weights.
TEST_F(BadModel, OneWithoutWeightsIsSaidToHaveNone) {
  ModelParts parts = linear_model();
  parts.initializers = {floats("two", {}, {2})};
  parts.nodes = {node("Slice", {"x", "from", "to", "axis"}, {"part"}),
                 node("Mul", {"part", "two"}, {"y"})};
  for (const auto& [name, value] : {std::pair{"from", 0}, {"to", 3}, {"axis", 1}}) {
    parts.initializers.push_back(ints(name, {value}));
  }
  write_model("m.onnx", parts);
  expect_model_refused("m.onnx", 2, {"nothing can train: the model's file holds no float tensors"});
}

TEST_F(BadModel, ANameThatIsThereTwiceIsNamed) {
  ModelParts parts = linear_model();
  parts.initializers.push_back(floats("w", {3, 4}, std::vector<float>(12, 2)));
  write_model("m.onnx", parts);
  expect_model_refused("m.onnx", 3, {"initializer 'w' is defined twice", "m.onnx"});
  parts = linear_model();
  parts.nodes.push_back(node("Relu", {"x"}, {"y"}, {}, "again"));
  write_model("m.onnx", parts);
  expect_model_refused("m.onnx", 3, {"'y' is produced twice", "Gemm 'fc'", "Relu 'again'"});
}

TEST_F(BadModel, EveryUnknownOpIsListedAtOnce) {
  ModelParts parts = linear_model();
  parts.nodes = {node("Foo", {"x"}, {"t"}, {}, "first", "com.acme"),
                 node("Bar", {"t"}, {"u"}, {}, "second"), node("Bar", {"u"}, {"v"}, {}, "third"),
                 node("Gemm", {"v", "w", "b"}, {"y"}, {int_attribute("transB", 1)}, "fc")};
  write_model("m.onnx", parts);
  expect_model_refused(
      "m.onnx", 8, {"op Bar: 2 nodes", "'second'", "op Foo of domain com.acme: 1 node", "'first'"});
}

TEST_F(BadModel, OneThatFitsNoMemoryIsRefusedAlsoByInspect) {
  ModelParts parts = linear_model();
  parts.initializers.push_back(ints("pads", {0, 0, 0, std::int64_t{1} << 36}));
  parts.nodes = {node("Gemm", {"x", "w", "b"}, {"h"}, {int_attribute("transB", 1)}, "fc"),
                 node("Pad", {"h", "pads"}, {"p"}, {}, "wide"),
                 node("ReduceMax", {"p"}, {"y"}, {}, "most")};
  write_model("m.onnx", parts);
  const CommandResult shown = temper({"inspect", "m.onnx"});
  EXPECT_EQ(shown.exit_code, 6) << shown.err;
  EXPECT_NE(shown.out.find("weight of Gemm"), std::string::npos) << shown.out;
  EXPECT_NE(shown.err.find("Pad 'wide'"), std::string::npos) << shown.err;
  const CommandResult json = temper({"inspect", "m.onnx", "--json"});
  EXPECT_EQ(json.exit_code, 6) << json.err;
  EXPECT_TRUE(json.out.starts_with("{")) << json.out;
}

TEST_F(BadModel, ShapesWhoseProductOverflowsAreRefused) {
  constexpr std::int64_t kHuge = std::int64_t{1} << 40;
  ModelParts parts = linear_model();
  parts.initializers[0] = tensor_head("w", 1, {kHuge, kHuge}).text(9, "");
  write_model("m.onnx", parts);
  expect_model_refused("m.onnx", 3, {"tensor 'w'", "1099511627776", "m.onnx"});
  // Not in the file: a shape that a node makes.
  for (const auto& [op, sizes] :
       std::vector<std::pair<std::string, Dims>>{{"Expand", {kHuge, kHuge, 1, 4}},
                                                 {"Tile", {kHuge, kHuge}},
                                                 {"Reshape", {kHuge, -1, kHuge}}}) {
    parts = linear_model();
    parts.nodes = {node(op, {"x", "sizes"}, {"e"}, {}, "grow"),
                   node("ReduceMean", {"e"}, {"r"}, {int_attribute("keepdims", 0)}, "mean"),
                   node("Add", {"x", "r"}, {"s"}),
                   node("Gemm", {"s", "w", "b"}, {"y"}, {int_attribute("transB", 1)}, "fc")};
    parts.initializers.push_back(ints("sizes", sizes));
    write_model("m.onnx", parts);
    expect_model_refused("m.onnx", 3, {"overflows", "in " + op + " 'grow'", "m.onnx"});
  }
}

TEST_F(BadModel, ATensorWhoseBytesDoNotFitItsShapeIsRefused) {
  for (const std::size_t count : {11u, 13u}) {
    ModelParts parts = linear_model();
    parts.initializers[0] = floats("w", {3, 4}, std::vector<float>(count, 1));
    write_model("m.onnx", parts);
    expect_model_refused("m.onnx", 3, {"tensor 'w'", std::to_string(4 * count), "48", "m.onnx"});
  }
}

class BadConv : public BadInput {
 protected:
  void expect_conv_refused(const std::vector<Message>& attributes, std::int64_t kernel,
                           const Words& parts) const {
    write_model("conv.onnx", conv_model(attributes, kernel));
    Words all = {"in Conv 'conv'", "conv.onnx"};
    all.insert(all.end(), parts.begin(), parts.end());
    expect_refused({"train", "conv.onnx", "images.npz", "train.epochs=1"}, 3, all);
    expect_refused({"predict", "conv.onnx", "--data", "images.npz", "--out", "p.npz"}, 3, all);
  }
};

TEST_F(BadConv, GroupZeroIsRefused) {
  expect_conv_refused({int_attribute("group", 0)}, 3, {"group is 0", "1 or more"});
}

TEST_F(BadConv, AKernelLargerThanThePaddedInputIsRefused) {
  expect_conv_refused({}, 9, {"9 positions", "padded input has only 8"});
  expect_conv_refused({ints_attribute("pads", {1, 1, 0, 0})}, 10, {"10 positions", "only 9"});
  expect_conv_refused({ints_attribute("dilations", {4, 4})}, 3, {"9 positions", "only 8"});
}

TEST_F(BadConv, StridesDilationsAndPadsOutOfRangeAreRefused) {
  expect_conv_refused({ints_attribute("strides", {0, 1})}, 3, {"strides is [0,1]"});
  expect_conv_refused({ints_attribute("dilations", {1, 1ll << 62})}, 3, {"dilations is [1,4611"});
  expect_conv_refused({ints_attribute("pads", {-5, 0, 0, 0})}, 3, {"pads is [-5,0,0,0]"});
}

}  // namespace
}  // namespace temper::test
