// Data whose shape, indices or targets the model cannot take, given to every command that takes
// data.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/errors/bad_input.h"
#include "tests/graph/onnx/symbolic_info.h"

namespace temper::test {
namespace {

using testing::HasSubstr;
using training::NamedTensor;
using training::write_npz;

class BadShapes : public BadInput {
 protected:
  // The model m.onnx and the data d.npz.
  void expect_refused_by_all(int exit_code, const Words& parts) const {
    expect_refused({"train", "m.onnx", "d.npz"}, exit_code, parts);
    expect_refused({"train", "m.onnx", "d.npz", "--dry-run"}, exit_code, parts);
    expect_refused({"eval", "m.onnx", "--data", "d.npz", "--loss", "cross_entropy"}, exit_code,
                   parts);
    expect_refused({"predict", "m.onnx", "--data", "d.npz", "--out", "p.npz"}, exit_code, parts);
    expect_refused(
        {"grad", "m.onnx", "--data", "d.npz", "--loss", "cross_entropy", "--out", "g.npz"},
        exit_code, parts);
    expect_refused({"diagnose", "m.onnx", "d.npz"}, exit_code, parts);
    expect_refused({"lr-find", "m.onnx", "d.npz"}, exit_code, parts);
    write("r.toml", "[model]\npath = \"m.onnx\"\n[data]\ntrain = \"d.npz\"\n");
    // Its folder is made before the first run.
    const CommandResult compare =
        temper({"compare", "losses", "r.toml", "cross_entropy", "focal", "--out", "c"});
    const CommandResult check = temper({"data", "check", "r.toml", "--strict"});
    EXPECT_EQ(compare.exit_code, exit_code);
    EXPECT_EQ(check.exit_code, 3) << check.err;
    for (const std::string& part : parts) {
      EXPECT_THAT(compare.err, HasSubstr(part));
      EXPECT_THAT(check.out, HasSubstr(part));
    }
  }

  void write_conv(const Words& dims) const {
    ModelParts parts = conv_model({}, 3);
    parts.initializers = {floats("w", {3, 3, 3, 3}, std::vector<float>(81, 0.1f))};
    parts.inputs = {symbolic_info("x", dims)};
    write_model("m.onnx", parts);
  }

  // ids and mask, [batch, seq, 4] each, with 3 scores.
  void write_two_inputs() const {
    ModelParts parts;
    parts.inputs = {symbolic_info("ids", {"batch", "seq", "4"}),
                    symbolic_info("mask", {"batch", "seq", "4"})};
    parts.outputs = {value_info("y", {-1, 3})};
    parts.initializers = {floats("w", {4, 3}, std::vector<float>(12, 0.1f)), ints("axes", {1})};
    parts.nodes = {node("Mul", {"ids", "mask"}, {"m"}),
                   node("ReduceMean", {"m", "axes"}, {"h"}, {int_attribute("keepdims", 0)}),
                   node("MatMul", {"h", "w"}, {"y"})};
    write_model("m.onnx", parts);
  }

  static Tensor zeros(const Shape& shape) {
    return Tensor::from<float>(
        DType::kFloat32, shape,
        std::vector<float>(static_cast<std::size_t>(shape.element_count()), 0));
  }
};

TEST_F(BadShapes, ChannelsLastIsNamedByEveryCommand) {
  write_conv({"N", "3", "H", "W"});
  write_npz(at("d.npz"), samples(8, {16, 16, 3}));
  expect_refused_by_all(3, {"d.npz", "'x'", "[16,16,3]", "[3,H,W]", "NHWC", "(0, 3, 1, 2)"});
}

TEST_F(BadShapes, TwoSizesOfOneNameAreRefusedByEveryCommand) {
  write_two_inputs();
  std::vector<NamedTensor> arrays = samples(8, {3, 4});
  arrays[0].first = "ids";
  arrays.insert(arrays.begin() + 1, {"mask", zeros({8, 900, 4})});
  write_npz(at("d.npz"), arrays);
  expect_refused_by_all(3, {"'mask' is 900", "'ids'", "'seq'", "is 3"});
}

TEST_F(BadShapes, NamelessDimensionsOfBothSidesAreTheirOwn) {
  write_conv({"?", "3", "?", "?"});
  write_npz(at("d.npz"), samples(8, {3, 6, 24}));
  const CommandResult result = temper({"train", "m.onnx", "d.npz", "train.epochs=1"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

TEST_F(BadShapes, AnIndexFromTheEndIsAskedAbout) {
  ModelParts parts;
  parts.inputs = {value_info("x", {-1, 2}, 7)};
  parts.outputs = {value_info("y", {-1, 3})};
  parts.initializers = {floats("table", {3, 2}, {1, 2, 3, 4, 5, 6}),
                        floats("w", {4, 3}, std::vector<float>(12, 0.1f))};
  parts.nodes = {node("Gather", {"table", "x"}, {"e"}), node("Flatten", {"e"}, {"f"}),
                 node("MatMul", {"f", "w"}, {"y"})};
  write_model("m.onnx", parts);
  std::vector<NamedTensor> arrays = samples(8, {2});
  std::vector<std::int64_t> ids(16, 1);
  ids[2 * 5 + 1] = -1;
  arrays[0].second = Tensor::from<std::int64_t>(DType::kInt64, {8, 2}, ids);
  write_npz(at("d.npz"), arrays);
  expect_refused_by_all(3, {"d.npz", "'x', row 5, element [1]", "the value is -1", "'table'",
                            "from 0 to 2", "model.allow_negative_ids = true"});
  const CommandResult allowed =
      temper({"train", "m.onnx", "d.npz", "train.epochs=1", "model.allow_negative_ids=true"});
  EXPECT_EQ(allowed.exit_code, 0) << allowed.err;
  ids[2 * 5 + 1] = -4;  // ONNX has no such row either
  arrays[0].second = Tensor::from<std::int64_t>(DType::kInt64, {8, 2}, ids);
  write_npz(at("d.npz"), arrays);
  expect_refused({"train", "m.onnx", "d.npz", "model.allow_negative_ids=true"}, 3,
                 {"row 5", "the value is -4", "from -3 to 2"});
}

TEST_F(BadShapes, AnOutputWithoutARowPerSampleIsSaidOnce) {
  ModelParts parts = linear_model();
  parts.nodes[0] = node("Gemm", {"x", "w", "b"}, {"h"}, {int_attribute("transB", 1)}, "fc");
  parts.nodes.push_back(node("Transpose", {"h"}, {"across"}));  // all samples' first numbers first
  parts.nodes.push_back(node("Reshape", {"across", "flat"}, {"y"}, {}, "flatten"));
  parts.initializers.push_back(ints("flat", {-1}));
  parts.outputs = {symbolic_info("y", {"all"})};
  write_model("m.onnx", parts);
  std::vector<NamedTensor> arrays = samples(8, {4});
  for (const Shape& target : {Shape{8, 3}, Shape{8}}) {
    arrays[1].second = zeros(target);
    write_npz(at("d.npz"), arrays);
    expect_refused(
        {"train", "m.onnx", "d.npz", "loss.name=mse"}, 2,
        {"output 'y' is [6] for 2 samples", "Reshape to [-1, 3]", "model.output.y.flatten"});
  }
}

TEST_F(BadShapes, FloatLabelsAreToldToBecomeIntegers) {
  std::vector<NamedTensor> arrays = samples(8, {4});
  arrays[1].second = zeros({8});
  write_npz(at("d.npz"), arrays);
  for (const char* loss : {"loss.name=cross_entropy", "loss.name=focal"}) {
    expect_refused({"train", "good.onnx", "d.npz", loss}, 2,
                   {"output is [N,3], the target [N]", "class indices, which are integers",
                    "'target' of d.npz", "astype('int64')"});
  }
  expect_refused({"train", "good.onnx", "d.npz", "loss.name=mse"}, 2,
                 {"output is [N,3], the target [N]", "astype('int64')", "cross_entropy"});
  write("d.csv", "a,b,c,d,target\n1,2,3,4,0.5\n5,6,7,8,1.5\n1,2,3,4,2.5\n");
  expect_refused({"train", "good.onnx", "d.csv", "loss.name=cross_entropy", "data.val_split=0"}, 2,
                 {"'target' of d.csv", "class indices, which are integers", "2 and not 2.0"});
}

TEST_F(BadShapes, LabelsOfMoreThanOneNumberAreCounted) {
  std::vector<NamedTensor> arrays = samples(8, {4});
  std::vector<std::int64_t> labels(16, 1);
  arrays[1].second = Tensor::from<std::int64_t>(DType::kInt64, {8, 2}, labels);
  write_npz(at("d.npz"), arrays);
  expect_refused({"train", "good.onnx", "d.npz", "loss.name=cross_entropy"}, 2,
                 {"output is [N,3], the target [N,2]", "class indices, [N]", "[N,3]",
                  "has 2 numbers per sample"});
}

TEST_F(BadShapes, SmallSetsAreToldWhatToType) {
  write_npz(at("d.npz"), samples(1, {4}));
  expect_refused({"train", "good.onnx", "d.npz"}, 2, {"1 row", "data.val_split = 0"});
  EXPECT_EQ(temper({"train", "good.onnx", "d.npz", "data.val_split=0", "train.epochs=1"}).exit_code,
            0);
  write_npz(at("d.npz"), samples(6, {4}));
  expect_refused({"train", "good.onnx", "d.npz", "data.val_split=0.2", "data.batch_size=6"}, 2,
                 {"only 5 training samples", "6 rows", "data.val_split = 0.2 holds out 1"});
}

TEST_F(BadShapes, MessagesNameWhatIsExpected) {
  std::vector<NamedTensor> arrays = samples(8, {4});
  arrays[1].first = "classes_of_rows";
  write_npz(at("d.npz"), arrays);
  expect_refused({"train", "good.onnx", "d.npz"}, 3,
                 {"(expected 'target:target' or 'target' or 'label' or 'y')",
                  "d.npz has x, classes_of_rows", "loss.target"});
  write("d.csv", "a;b;c;d;target\n1;2;3;4;0\n5;6;7;8\n");
  expect_refused({"train", "good.onnx", "d.csv", "data.delimiter=;"}, 3,
                 {"d.csv:3", "4 cells, expected 5", "(delimiter ';')"});
  write("d.jsonl",
        "{\"x\": [1, 2, 3, 4], \"target\": \"ant\"}\n{\"x\": [1, 2, 3, 4], \"target\": \"bee\"}\n"
        "{\"x\": [1, 2, 3, 4], \"target\": \"cat\"}\n{\"x\": [1, 2, 3, 4], \"target\": \"dog\"}\n");
  expect_refused({"train", "good.onnx", "d.jsonl", "loss.name=cross_entropy", "data.val_split=0"},
                 3, {"d.jsonl:4", "the label is 3 ('dog')", "classes are ant, bee, cat, dog"});
  arrays = samples(8, {4});
  static_cast<std::int64_t*>(arrays[1].second.data())[6] = 3;
  write_npz(at("d.npz"), arrays);
  expect_refused({"train", "good.onnx", "d.npz", "data.val_split=0",
                  "data.class_names=[\"ant\",\"bee\",\"cat\",\"dog\"]"},
                 3, {"row 6", "the label is 3 ('dog')"});
}

}  // namespace
}  // namespace temper::test
