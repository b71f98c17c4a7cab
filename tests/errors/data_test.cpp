// Data files that are damaged, lie, or do not fit the model, given to the command.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/errors/bad_input.h"
#include "training/formats/npy.h"

namespace temper::test {
namespace {

using training::NamedTensor;
using training::write_npz;

// A .npy file of version 1 whose header says this.
std::string npy(const std::string& header, const std::string& data) {
  std::string text = header + "\n";
  std::string bytes = std::string("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(text.size() & 0xff);
  bytes += static_cast<char>(text.size() >> 8);
  return bytes + text + data;
}

std::string header(const std::string& shape, const std::string& type = "<f4") {
  return "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }";
}

class BadData : public BadInput {
 protected:
  // data/x.npy beside good labels.
  void expect_x_refused(const std::string& bytes, int exit_code, const Words& parts) const {
    training::write_npy((make_data_folder(), at("data/target.npy")), samples(10, {4})[1].second);
    write("data/x.npy", bytes);
    Words all = {"x.npy"};
    all.insert(all.end(), parts.begin(), parts.end());
    expect_refused({"train", "good.onnx", "data", "train.epochs=1"}, exit_code, all);
  }
  void make_data_folder() const { write("data/x.npy", ""); }

  void expect_arrays_refused(const std::vector<NamedTensor>& arrays, const Words& parts,
                             const std::string& more = "train.seed=0") const {
    write_npz(at("bad.npz"), arrays);
    Words all = {"bad.npz"};
    all.insert(all.end(), parts.begin(), parts.end());
    expect_refused({"train", "good.onnx", "bad.npz", "train.epochs=1", more}, 3, all);
  }
};

const std::string kTenRows(10 * 4 * sizeof(float), '\0');

TEST_F(BadData, AGoodNpyFileIsTaken) {
  make_data_folder();
  training::write_npy(at("data/target.npy"), samples(10, {4})[1].second);
  write("data/x.npy", npy(header("(10, 4)"), kTenRows));
  const CommandResult result = temper({"train", "good.onnx", "data", "train.epochs=1"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

TEST_F(BadData, ACutNpyFileIsRefusedWithItsSizes) {
  const std::string whole = npy(header("(10, 4)"), kTenRows);
  expect_x_refused("", 3, {"0 bytes", "at least 10"});
  expect_x_refused(whole.substr(0, 7), 3, {"7 bytes", "at least 10"});
  expect_x_refused(whole.substr(0, 30), 3, {"header should have", "ends after 20"});
  expect_x_refused(whole.substr(0, whole.size() - 1), 3, {"159", "160"});
}

TEST_F(BadData, AnNpyHeaderThatLiesIsRefused) {
  expect_x_refused(npy(header("(11, 4)"), kTenRows), 3, {"160", "176"});
  expect_x_refused(npy(header("(9, 4)"), kTenRows), 3, {"160", "144"});
  expect_x_refused(npy(header("(1099511627776, 1099511627776)"), kTenRows), 3,
                   {"more elements than memory"});
  expect_x_refused(npy(header("(-10, 4)"), kTenRows), 3, {"bad dimension", "byte"});
  expect_x_refused(npy("{'dezcr': '<f4', }", kTenRows), 3, {"unknown key 'dezcr'"});
  std::string longer = npy(header("(10, 4)"), kTenRows);
  longer[9] = '\x7f';  // the header would be 32 KB
  expect_x_refused(longer, 3, {"header should have 32"});
  expect_x_refused(npy(header("(10, 4)", "|O"), kTenRows), 8, {"|O"});
}

TEST_F(BadData, ACutNpzFileIsRefused) {
  write_npz(at("bad.npz"), samples(10, {4}));
  const std::string whole = file_text(at("bad.npz"));
  for (const std::size_t size : {std::size_t{0}, whole.size() / 2, whole.size() - 1}) {
    write("bad.npz", whole.substr(0, size));
    expect_refused({"train", "good.onnx", "bad.npz", "train.epochs=1"}, 3, {"bad.npz"});
  }
}

TEST_F(BadData, ALabelOutOfRangeIsNamedWithFileRowAndValue) {
  std::vector<NamedTensor> arrays = samples(10, {4});
  auto* labels = static_cast<std::int64_t*>(arrays[1].second.data());
  labels[7] = 3;
  expect_arrays_refused(arrays, {"'target'", "row 7", "label is 3", "from 0 to 2"});
  labels[7] = 0;
  labels[2] = -1;
  expect_arrays_refused(arrays, {"'target'", "row 2", "label is -1", "from 0 to 2"});
  labels[2] = -100;  // cross_entropy's ignore_index
  write_npz(at("ignored.npz"), arrays);
  EXPECT_EQ(temper({"train", "good.onnx", "ignored.npz", "train.epochs=1"}).exit_code, 0);
}

TEST_F(BadData, AValueThatIsNotFiniteIsNamedWithItsRow) {
  std::vector<NamedTensor> arrays = samples(10, {4});
  auto* values = static_cast<float*>(arrays[0].second.data());
  values[3 * 4 + 1] = std::numeric_limits<float>::quiet_NaN();
  expect_arrays_refused(arrays, {"'x'", "row 3", "nan", "finite"});
  values[3 * 4 + 1] = -std::numeric_limits<float>::infinity();
  expect_arrays_refused(arrays, {"'x'", "row 3", "inf", "finite"});
  std::vector<float> targets(30, 0.5f);
  targets[3 * 6] = std::nanf("");
  arrays = samples(10, {4});
  arrays[1].second = Tensor::from<float>(DType::kFloat32, {10, 3}, targets);
  expect_arrays_refused(arrays, {"'target'", "row 6", "nan"}, "loss.name=mse");
}

TEST_F(BadData, AnEmptySetIsRefused) {
  const std::vector<NamedTensor> none = {
      {"x", Tensor::from<float>(DType::kFloat32, {0, 4}, {})},
      {"target", Tensor::from<std::int64_t>(DType::kInt64, {0}, {})}};
  expect_arrays_refused(none, {"[0,4]", "no rows"});
  write("bad.csv", "a,b,c,d,target\n");
  expect_refused({"train", "good.onnx", "bad.csv", "data.header=yes"}, 3, {"bad.csv", "no rows"});
  write("bad.csv", "");
  expect_refused({"train", "good.onnx", "bad.csv"}, 3, {"bad.csv is empty"});
}

TEST_F(BadData, ArraysThatDoNotFitTheModelAreRefused) {
  std::vector<NamedTensor> arrays = samples(10, {5});
  expect_arrays_refused(arrays, {"'x' has rows of shape [5], the model takes [4]"});
  arrays = samples(10, {4});
  arrays[1].second = samples(9, {4})[1].second;
  expect_arrays_refused(arrays, {"9", "10"});
  arrays.pop_back();
  expect_arrays_refused(arrays, {"target"});
}

TEST_F(BadData, ATargetOfAnotherShapeIsAnErrorThatShowsTheReshape) {
  ModelParts two = linear_model();
  two.nodes[0] = node("Gemm", {"x", "w", "b"}, {"h"}, {int_attribute("transB", 1)}, "fc");
  two.nodes.push_back(node("Unsqueeze", {"h", "axes"}, {"y"}, {}, "column"));
  two.initializers.push_back(ints("axes", {2}));
  two.outputs = {value_info("y", {-1, 3, 1})};
  write_model("two.onnx", two);
  std::vector<NamedTensor> arrays = samples(10, {4});
  arrays[1].second = Tensor::from<float>(DType::kFloat32, {10, 3}, std::vector<float>(30, 1));
  write_npz(at("rows.npz"), arrays);
  expect_refused({"train", "two.onnx", "rows.npz", "loss.name=mse"}, 2,
                 {"output is [N,3,1]", "the target [N,3]", "'target' of rows.npz", "(-1, 3, 1)",
                  "let the model's output be [N,3]"});
  arrays[1].second = Tensor::from<float>(DType::kFloat32, {10, 2}, std::vector<float>(20, 1));
  write_npz(at("few.npz"), arrays);
  expect_refused(
      {"train", "good.onnx", "few.npz", "loss.name=mse"}, 2,
      {"output is [N,3]", "the target [N,2]", "has 2 numbers per sample", "the model gives 3"});
}

TEST_F(BadData, EvalGradAndPredictRefuseTheSame) {
  std::vector<NamedTensor> arrays = samples(10, {4});
  static_cast<std::int64_t*>(arrays[1].second.data())[7] = 5;
  write_npz(at("label.npz"), arrays);
  expect_refused({"eval", "good.onnx", "--data", "label.npz", "--loss", "cross_entropy"}, 3,
                 {"label.npz", "row 7", "label is 5"});
  expect_refused(
      {"grad", "good.onnx", "--data", "label.npz", "--loss", "cross_entropy", "--out", "g.npz"}, 3,
      {"label.npz", "row 7", "label is 5"});
  arrays = samples(10, {4});
  static_cast<float*>(arrays[0].second.data())[0] = std::nanf("");
  write_npz(at("nan.npz"), arrays);
  expect_refused({"predict", "good.onnx", "--data", "nan.npz", "--out", "p.npz"}, 3,
                 {"nan.npz", "row 0", "nan"});
}

TEST_F(BadData, RecordsAndRawArraysThatLieAreRefused) {
  const std::string good = "{\"x\": [1, 2, 3, 4], \"target\": 2}\n";
  write("bad.jsonl", good + "{\"x\": [1, 2, 3, 4], \"target\": 3}\n");
  expect_refused({"train", "good.onnx", "bad.jsonl", "loss.name=cross_entropy", "data.val_split=0"},
                 3, {"bad.jsonl:2: field 'target'", "the label is 3"});
  write("bad.jsonl", good + "{\"x\": [1, 2, 3], \"target\": 0}\n");
  expect_refused({"train", "good.onnx", "bad.jsonl"}, 3, {"bad.jsonl:2: field 'x'", "3 numbers"});
  write("bad.jsonl", good + good.substr(0, 20));
  expect_refused({"train", "good.onnx", "bad.jsonl"}, 3, {"bad.jsonl:2", "not valid JSON"});
  write("x.bin", std::string(160, '\0'));
  const std::string fields =
      "\"fields\": [{\"name\": \"x\", \"dtype\": \"f32\", \"shape\": [4], "
      "\"file\": \"x.bin\"}, "
      "{\"name\": \"target\", \"dtype\": \"u8\", \"file\": \"x.bin\", \"target\": true}]}";
  write("bad.json", "{\"rows\": 11, " + fields);
  expect_refused({"train", "good.onnx", "bad.json"}, 3,
                 {"bad.json, field 'x'", "160 bytes", "176"});
  write("good.json", "{\"rows\": 10, " + fields);
  const CommandResult fine = temper({"train", "good.onnx", "good.json", "train.epochs=1"});
  EXPECT_EQ(fine.exit_code, 0) << fine.err;
  write("bad.bin", std::string(7, '\1'));
  expect_refused({"train", "good.onnx", "bad.bin", "data.format=tokens"}, 3,
                 {"'x' takes f32", "bad.bin holds tokens"});
}

}  // namespace
}  // namespace temper::test
