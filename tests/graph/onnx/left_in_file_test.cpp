// Large weights inside an .onnx file: the graph has them without a copy, and an export writes them
// as protobuf would have.
#include "graph/onnx/left_in_file.h"

#include <gtest/gtest.h>

#include <numeric>

#include "graph/onnx/export.h"
#include "graph/ops/standard_ops.h"
#include "tests/graph/onnx/expect_error.h"
#include "tests/graph/onnx/wire_writer.h"

namespace temper::test {
namespace {

using graph::OnnxModel;

constexpr std::int64_t kSide = 160;  // squared, as floats, 100 KiB
const Shape kSquare{kSide, kSide};

std::vector<float> counted(float first) {
  std::vector<float> values(static_cast<std::size_t>(kSide * kSide));
  std::iota(values.begin(), values.end(), first);
  return values;
}

// Two large weights; `more` stands behind the raw data of the first, `behind` at the model's end.
std::string model_bytes(const std::vector<float>& first, const std::vector<float>& second,
                        const Message& more = {}, const Message& behind = {}) {
  ModelParts parts;
  parts.inputs = {value_info("x", {-1, kSide})};
  parts.outputs = {value_info("y", {-1, kSide})};
  parts.nodes = {node("MatMul", {"x", "a"}, {"h"}), node("Add", {"h", "c"}, {"g"}),
                 node("MatMul", {"g", "b"}, {"y"})};
  const Message a = floats("a", {kSide, kSide}, first);
  parts.initializers = {Message(a.bytes() + more.bytes()),
                        floats("c", {kSide}, std::vector<float>(kSide, 1.5f)),
                        floats("b", {kSide, kSide}, second)};
  return parts.bytes() + behind.bytes();
}

Tensor square(const std::vector<float>& values) {
  return Tensor::from<float>(DType::kFloat32, kSquare, values);
}

std::string exported(const std::string& bytes, const std::map<std::string, Tensor>& trained) {
  const TemporaryFolder folder;
  const OnnxModel model = OnnxModel::load(folder.write("model.onnx", bytes));
  graph::export_model(model, trained, folder.path("out.onnx"));
  return folder.read("out.onnx");
}

TEST(LeftInFile, IsNoCopyInTheGraphAndReadsTheSameValues) {
  const TemporaryFolder folder;
  const std::string path = folder.write("model.onnx", model_bytes(counted(0), counted(0.5f)));
  const graph::Graph graph = OnnxModel::load(path).build_graph(graph::standard_ops());
  // The model is gone; the graph still knows the file, also when its name does not.
  std::filesystem::rename(path, folder.path("elsewhere"));
  for (const auto& [name, first] : {std::pair("a", 0.0f), std::pair("b", 0.5f)}) {
    const graph::Variable& variable = graph.variable(graph.find_variable(name));
    EXPECT_FALSE(variable.initial.defined()) << name;
    ASSERT_NE(variable.stored, nullptr) << name;
    EXPECT_EQ(graph::initial_value(variable).values<float>(), counted(first)) << name;
    std::vector<float> three(3);
    variable.stored->read(1000, std::as_writable_bytes(std::span(three)));
    EXPECT_EQ(three, (std::vector<float>{first + 1000, first + 1001, first + 1002})) << name;
  }
  EXPECT_TRUE(graph.variable(graph.find_variable("c")).initial.defined());  // a small one
}

TEST(LeftInFile, IsWrittenWhereItWas) {
  // A field of the tensor behind its data, and one nobody knows; one of the model.
  const Message more = Message().text(12, "a word").text(99, "from the future");
  const Message behind = Message().text(99, "the same");
  const std::string bytes = model_bytes(counted(0), counted(7), more, behind);
  EXPECT_EQ(exported(bytes, {}), bytes);
  EXPECT_EQ(exported(bytes, {{"a", square(counted(0))}}), bytes);
  EXPECT_EQ(exported(bytes, {{"a", square(counted(3))}}),
            model_bytes(counted(3), counted(7), more, behind));
  EXPECT_EQ(exported(bytes, {{"a", square(counted(3))}, {"b", square(counted(4))}}),
            model_bytes(counted(3), counted(4), more, behind));
}

TEST(LeftInFile, ReplacesTheFileItIsIn) {
  const TemporaryFolder folder;
  const std::string path = folder.write("model.onnx", model_bytes(counted(0), counted(7)));
  const OnnxModel model = OnnxModel::load(path);
  graph::export_model(model, {{"a", square(counted(3))}}, path);
  EXPECT_EQ(folder.read("model.onnx"), model_bytes(counted(3), counted(7)));
  graph::export_model(model, {{"b", square(counted(1))}}, path);  // from what was imported
  EXPECT_EQ(folder.read("model.onnx"), model_bytes(counted(0), counted(1)));
}

TEST(LeftInFile, IsRoundedToTheFilesTypeOrRefused) {
  const std::size_t count = static_cast<std::size_t>(kSide * kSide);
  const auto half_model = [&](const std::vector<std::uint16_t>& bits) {
    ModelParts parts;
    parts.inputs = {value_info("x", {-1, kSide}, 10)};
    parts.outputs = {value_info("y", {-1, kSide}, 10)};
    parts.nodes = {node("MatMul", {"x", "a"}, {"y"})};
    parts.initializers = {raw_tensor<std::uint16_t>("a", 10, {2 * kSide, kSide}, bits)};
    return parts.bytes();
  };
  std::vector<std::uint16_t> bits(2 * count, 0x3c00);  // 1
  bits[5] = 0x7e01;                                    // a NaN with a payload
  const TemporaryFolder folder;
  const std::string path = folder.write("model.onnx", half_model(bits));
  const OnnxModel model = OnnxModel::load(path);
  const graph::Graph graph = model.build_graph(graph::standard_ops());
  const graph::Variable& variable = graph.variable(graph.find_variable("a"));
  ASSERT_NE(variable.stored, nullptr);
  Tensor value = graph::initial_value(variable);
  EXPECT_EQ(value.span<float>()[4], 1.0f);
  EXPECT_EQ(value.span<float>().back(), 1.0f);
  graph::export_model(model, {{"a", value}}, folder.path("same.onnx"));
  EXPECT_EQ(folder.read("same.onnx"), half_model(bits));  // unchanged: its bytes, the NaN's too
  value.span<float>()[4] = 2.0f;
  value.span<float>()[5] = 0.0f;
  value.span<float>()[6] = 1.0f + 1.0f / 4096;  // rounds to 1
  graph::export_model(model, {{"a", value}}, folder.path("other.onnx"));
  bits[4] = 0x4000;
  bits[5] = 0;
  EXPECT_EQ(folder.read("other.onnx"), half_model(bits));
  value.span<float>()[2 * count - 1] = 1e30f;
  expect_error(ErrorCode::kInvalidArgument, concat("element ", 2 * count - 1, " is 1"),
               [&] { graph::export_model(model, {{"a", value}}, folder.path("other.onnx")); });
  EXPECT_EQ(folder.read("other.onnx"), half_model(bits));
}

TEST(LeftInFile, HasTheErrorsOfDataThatWasParsed) {
  const TemporaryFolder folder;
  ModelParts parts;
  parts.nodes = {node("Add", {"x", "a"}, {"y"})};
  parts.initializers = {floats("a", {3}, counted(0))};
  const std::string path = folder.write("model.onnx", parts.bytes());
  expect_error(ErrorCode::kInvalidModel, "takes 12 bytes, but its raw_data has 102400",
               [&] { OnnxModel::load(path); });
}

TEST(LeftInFile, PlacesAreNotTakenFromAFile) {
  for (const int field : {15000, 15001}) {
    const TemporaryFolder folder;
    const std::string path =
        folder.write("model.onnx", model_bytes(counted(0), counted(1), Message().number(field, 8)));
    expect_error(ErrorCode::kInvalidModel, concat("has the field ", field),
                 [&] { OnnxModel::load(path); });
  }
}

TEST(LeftInFile, CutMeanwhileIsAnError) {
  const TemporaryFolder folder;
  const std::string path = folder.write("model.onnx", model_bytes(counted(0), counted(1)));
  const OnnxModel model = OnnxModel::load(path);
  const graph::Graph graph = model.build_graph(graph::standard_ops());
  std::filesystem::resize_file(path, 1000);
  expect_error(ErrorCode::kInvalidModel, "cut",
               [&] { graph::initial_value(graph.variable(graph.find_variable("b"))); });
  expect_error(ErrorCode::kInvalidModel, "cut", [&] {
    graph::export_model(model, {{"a", square(counted(3))}}, folder.path("out.onnx"));
  });
  EXPECT_FALSE(std::filesystem::exists(folder.path("out.onnx")));
}

}  // namespace
}  // namespace temper::test
