// An embedding and the head that is the same become one tensor, which trains as one.
#include "graph/onnx/surgery/tie.h"

#include <gtest/gtest.h>

#include "graph/onnx/surgery/findings.h"
#include "graph/ops/standard_ops.h"
#include "tests/graph/onnx/expect_error.h"
#include "tests/graph/onnx/surgery/prepared.h"

namespace temper::test {
namespace {

using graph::PrepareOptions;

constexpr std::int64_t kRows = 4, kWidth = 2;
const std::vector<float> kTable = {1, 2, 3, 4, 5, 6, 7, 8};

// Rows of `table`, a product with `head` in the shape of a Gemm or a MatMul, which stores it
// transposed, as PyTorch's exporter does.
std::string language_model(bool turned, const std::vector<float>& head) {
  ModelParts parts;
  parts.nodes = {node("Gather", {"table", "x"}, {"h"})};
  if (turned) {
    parts.nodes.push_back(node("MatMul", {"h", "head"}, {"y"}));
  } else {
    parts.nodes.push_back(node("Gemm", {"h", "head"}, {"y"}, {int_attribute("transB", 1)}));
  }
  parts.inputs = {value_info("x", {-1}, 7)};
  parts.outputs = {value_info("y", {-1, kRows})};
  parts.initializers = {
      floats("table", {kRows, kWidth}, kTable),
      turned ? floats("head", {kWidth, kRows}, head) : floats("head", {kRows, kWidth}, head)};
  return parts.bytes();
}

PrepareOptions tying() {
  PrepareOptions options;
  options.tie = true;
  return options;
}

std::vector<std::string> edits_of(const std::string& path) {
  std::vector<std::string> edits;
  for (const graph::Finding& one : graph::find_what_exporters_did(graph::OnnxModel::load(path))) {
    edits.push_back(one.edit);
  }
  return edits;
}

TEST(Tie, AHeadThatIsTheEmbeddingReadsIt) {
  const Tensor x =
      Tensor::from<std::int64_t>(DType::kInt64, {3}, std::vector<std::int64_t>{3, 0, 1});
  for (const bool turned : {false, true}) {
    const TemporaryFolder folder;
    const std::string from = folder.write(
        "m.onnx",
        language_model(turned, turned ? std::vector<float>{1, 3, 5, 7, 2, 4, 6, 8} : kTable));
    EXPECT_EQ(edits_of(from), std::vector<std::string>{"--tie"});
    const PreparedModel made(from, tying());
    EXPECT_EQ(made.outputs(x)[0].values<float>(), outputs_of(from, x)[0].values<float>());
    EXPECT_FALSE(made.tensor("head").defined());
    EXPECT_TRUE(edits_of(made.path()).empty());
    const graph::Graph graph = made.load().build_graph(graph::standard_ops());
    ASSERT_EQ(graph.variable_count(), 1);
    EXPECT_TRUE(graph.variable(graph.find_variable("table")).trainable);
    EXPECT_NE(made.done.notes.at(0).find("'head' is 'table'"), std::string::npos);
  }
}

TEST(Tie, LeavesWhatDiffersInOneElement) {
  const TemporaryFolder folder;
  std::vector<float> other = kTable;
  other.back() = 9;
  const std::string from = folder.write("m.onnx", language_model(false, other));
  EXPECT_TRUE(edits_of(from).empty());
  const PreparedModel made(from, tying());
  EXPECT_TRUE(made.tensor("head").defined());
  EXPECT_EQ(made.done.notes.at(0), "--tie: no weight is stored twice");
}

// Layers that begin equal, as copies of a module do, are not meant to be one.
TEST(Tie, EqualLayersAreOneOnlyWhereTheyAreNamed) {
  const TemporaryFolder folder;
  ModelParts parts;
  parts.nodes = {node("MatMul", {"x", "a.weight"}, {"h"}),
                 node("MatMul", {"h", "b.weight"}, {"y"})};
  std::vector<float> square;
  for (int i = 0; i < 16; ++i) {
    square.push_back(static_cast<float>(i));
  }
  parts.initializers = {floats("a.weight", {4, 4}, square), floats("b.weight", {4, 4}, square)};
  const std::string from = folder.write("m.onnx", parts.bytes());
  EXPECT_TRUE(edits_of(from).empty());
  PrepareOptions options;
  options.tie_match = [](std::string_view name) { return name.ends_with("weight"); };
  const PreparedModel made(from, options);
  EXPECT_TRUE(made.tensor("a.weight").defined());
  EXPECT_FALSE(made.tensor("b.weight").defined());
  const Tensor x = Tensor::from<float>(DType::kFloat32, {1, 4}, std::vector<float>{1, 2, 3, 4});
  EXPECT_EQ(made.outputs(x)[0].values<float>(), outputs_of(from, x)[0].values<float>());
  options.tie_match = [](std::string_view name) { return name == "a.weight"; };
  expect_error(ErrorCode::kInvalidArgument, "names no two weights",
               [&] { PreparedModel(from, options); });
}

}  // namespace
}  // namespace temper::test
