// Exporting changes the values of tensors and nothing else.
#include "graph/onnx/export.h"

#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <filesystem>

#include "graph/ops/standard_ops.h"
#include "tests/graph/onnx/expect_error.h"
#include "tests/graph/onnx/wire_writer.h"

namespace temper::test {
namespace {

namespace fs = std::filesystem;
using graph::Graph;
using graph::OnnxModel;

std::string export_bytes(const std::string& bytes,
                         const std::map<std::string, Tensor>& trained = {}) {
  const TemporaryFolder folder;
  const OnnxModel model = OnnxModel::load(folder.write("model.onnx", bytes));
  graph::export_model(model, trained, folder.path("out.onnx"));
  return folder.read("out.onnx");
}

Tensor vector(const std::vector<float>& values) {
  return Tensor::from<float>(DType::kFloat32, {static_cast<std::int64_t>(values.size())}, values);
}

TEST(OnnxExport, GivesTheSameBytesWhenNothingChanged) {
  for (const auto& entry : fs::directory_iterator(TEMPER_SOURCE_DIR "/tests/graph/onnx/fixtures")) {
    if (entry.path().extension() != ".onnx") {
      continue;
    }
    const std::string bytes = TemporaryFolder::read_all(entry.path().string());
    ASSERT_FALSE(bytes.empty());
    const TemporaryFolder folder;
    const OnnxModel model = OnnxModel::load(folder.write("model.onnx", bytes));
    std::map<std::string, Tensor> same;
    const Graph graph = model.build_graph(graph::standard_ops());
    for (int i = 0; i < graph.variable_count(); ++i) {
      same[graph.variable(VariableId{i}).name] = graph.variable(VariableId{i}).initial;
    }
    EXPECT_FALSE(same.empty()) << entry.path();
    graph::export_model(model, same, folder.path("out.onnx"));
    EXPECT_EQ(folder.read("out.onnx"), bytes) << entry.path();
  }
}

TEST(OnnxExport, ReadsTheFixturesValues) {
  // tools/oracle/onnx_fixtures.py fills every tensor of this file with 0, 1, 2, 3.
  const OnnxModel model =
      OnnxModel::load(TEMPER_SOURCE_DIR "/tests/graph/onnx/fixtures/encodings.onnx");
  const Graph graph = model.build_graph(graph::standard_ops());
  int seen = 0;
  for (int i = 0; i < graph.value_count(); ++i) {
    const auto& value = graph.value(ValueId{i});
    const bool variable = value.variable.valid();
    if (variable || (value.kind == graph::ValueKind::kConstant && value.name != "truth")) {
      const Tensor& tensor = variable ? graph.variable(value.variable).initial : value.constant;
      EXPECT_EQ(tensor.values<double>(), (std::vector<double>{0, 1, 2, 3})) << value.name;
      ++seen;
    }
  }
  EXPECT_EQ(seen, 24);
}

TEST(OnnxExport, KeepsFieldsThatItDoesNotKnow) {
  // Field 99 of the model is the last one, so that even its place stays.
  ModelParts parts;
  parts.nodes = {node("Add", {"x", "b"}, {"y"})};
  parts.initializers = {floats("b", {2}, {1, 2})};
  const std::string bytes = parts.bytes() + Message().text(99, "from the future").bytes();
  EXPECT_EQ(export_bytes(bytes), bytes);
}

TEST(OnnxExport, WritesConstantNodes) {
  const auto model = [](float first, float second) {
    ModelParts parts;
    parts.nodes = {
        node("Constant", {}, {"b"}, {tensor_attribute("value", floats("", {2}, {first, 2}))}),
        node("Add", {"x", "b"}, {"a"}),
        node("Constant", {}, {"c"},
             {Message().text(1, "value_floats").real(7, 3).real(7, second).number(20, 6)}),
        node("Add", {"a", "c"}, {"y"})};
    return parts.bytes();
  };
  EXPECT_EQ(export_bytes(model(1, 4), {{"b", vector({9, 2})}, {"c", vector({3, 8})}}), model(9, 8));
}

TEST(OnnxExport, ReplacesTheFileItCameFrom) {
  ModelParts parts;
  parts.nodes = {node("Add", {"x", "b"}, {"y"})};
  parts.initializers = {floats("b", {2}, {1, 2})};
  const TemporaryFolder folder;
  const std::string path = folder.write("model.onnx", parts.bytes());
  const OnnxModel model = OnnxModel::load(path);
  graph::export_model(model, {{"b", vector({3, 4})}}, path);
  parts.initializers = {floats("b", {2}, {3, 4})};
  EXPECT_EQ(folder.read("model.onnx"), parts.bytes());
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path("")), {}),
            1);  // no temporary file is left
}

TEST(OnnxExport, LeavesTheOldFileWhenItCannotWrite) {
  ModelParts parts;
  parts.nodes = {node("Add", {"x", "b"}, {"y"})};
  parts.initializers = {raw_tensor<std::uint16_t>("b", 10, {2}, {0, 0})};
  const TemporaryFolder folder;
  const std::string path = folder.write("model.onnx", parts.bytes());
  const OnnxModel model = OnnxModel::load(path);
  expect_error(ErrorCode::kInvalidArgument, "element 1 is 1.00000001",
               [&] { graph::export_model(model, {{"b", vector({0, 1e30f})}}, path); });
  EXPECT_EQ(folder.read("model.onnx"), parts.bytes());
  expect_error(ErrorCode::kIo, "nowhere", [&] {
    graph::export_model(model, std::map<std::string, Tensor>{}, folder.path("nowhere/out.onnx"));
  });
}

}  // namespace
}  // namespace temper::test
