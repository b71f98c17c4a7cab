// Files that are damaged or made to harm: an error with the right code or a valid load, never more,
// and soon.
#include <gtest/gtest.h>

#include "graph/onnx/import.h"
#include "graph/ops/standard_ops.h"
#include "tests/graph/onnx/expect_error.h"
#include "tests/graph/onnx/wire_writer.h"

namespace temper::test {
namespace {

using graph::OnnxModel;

// Loads and builds; true when the file was taken. Any error but the three that files may cause
// fails the test.
bool takes(const std::string& path) {
  try {
    OnnxModel::load(path).build_graph(graph::standard_ops());
    return true;
  } catch (const Error& error) {
    EXPECT_TRUE(error.code() == ErrorCode::kInvalidModel || error.code() == ErrorCode::kUnsupported)
        << error.what();
    return false;
  }
}

void expect_refused(const std::string& bytes, const std::string& part,
                    ErrorCode code = ErrorCode::kInvalidModel) {
  const TemporaryFolder folder;
  const std::string path = folder.write("model.onnx", bytes);
  expect_error(code, part, [&] { OnnxModel::load(path).build_graph(graph::standard_ops()); });
}

std::string sample() {
  ModelParts parts;
  parts.nodes = {node("Gemm", {"x", "w", "b"}, {"h"},
                      {int_attribute("transB", 1), float_attribute("alpha", 1)}, "fc"),
                 node("Relu", {"h"}, {"r"}, {}, "relu"),
                 node("Constant", {}, {"shape"}, {tensor_attribute("value", ints("", {-1, 4}))}),
                 node("Reshape", {"r", "shape"}, {"s"}, {int_attribute("allowzero", 1)}),
                 node("Softmax", {"s"}, {"y"}, {int_attribute("axis", -1)})};
  parts.initializers = {floats("w", {4, 4}, std::vector<float>(16, 0.25f)),
                        tensor_head("b", 1, {4}).fixed_list<float>(4, {1, 2, 3, 4})};
  return parts.bytes();
}

TEST(HostileOnnx, TakesTheSampleThatTheOthersDamage) {
  const TemporaryFolder folder;
  EXPECT_TRUE(takes(folder.write("model.onnx", sample())));
}

TEST(HostileOnnx, SurvivesEveryTruncation) {
  const TemporaryFolder folder;
  const std::string whole = sample();
  int refused = 0;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    refused += takes(folder.write("model.onnx", whole.substr(0, size))) ? 0 : 1;
  }
  // A cut that falls between the last fields leaves a valid file.
  EXPECT_GE(refused, static_cast<int>(whole.size()) - 40);
}

TEST(HostileOnnx, SurvivesFlippedBits) {
  const TemporaryFolder folder;
  const std::string whole = sample();
  int refused = 0;
  for (std::size_t bit = 0; bit < 8 * whole.size(); bit += 3) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    refused += takes(folder.write("model.onnx", flipped)) ? 0 : 1;
  }
  EXPECT_GT(refused, static_cast<int>(whole.size()));
}

TEST(HostileOnnx, NamesWhatAForeignFileIs) {
  expect_refused("", "is empty");
  expect_refused("\x89PNG\r\n\x1a\n rest of a picture", "a PNG picture");
  expect_refused("version https://git-lfs.github.com/spec/v1\noid sha256:0", "git lfs pull");
  expect_refused("PK\x03\x04 something", "zip archive");
  expect_refused(std::string(100, 'a'), "not");
  expect_refused(Message().number(1, 10).text(2, "nobody").bytes(), "no graph");
  expect_refused(Message().message(7, Message()).bytes(), "no IR version");
}

TEST(HostileOnnx, ReportsAMissingModelFileAsAnIoError) {
  const TemporaryFolder folder;
  expect_error(ErrorCode::kIo, "none.onnx", [&] { OnnxModel::load(folder.path("none.onnx")); });
  expect_error(ErrorCode::kIo, "folder", [&] { OnnxModel::load(folder.path("")); });
}

TEST(HostileOnnx, NamesTheNodesOfACycle) {
  ModelParts parts;
  parts.nodes = {node("Add", {"x", "c"}, {"a"}, {}, "one"), node("Relu", {"a"}, {"b"}, {}, "two"),
                 node("Neg", {"b"}, {"c"}, {}, "three"), node("Relu", {"c"}, {"y"}, {}, "behind")};
  expect_refused(parts.bytes(), "cycle");
  expect_refused(parts.bytes(), "Add 'one'");
  expect_refused(parts.bytes(), "Relu 'two'");
  expect_refused(parts.bytes(), "Neg 'three'");
  parts.nodes = {node("Add", {"x", "y"}, {"y"}, {}, "self")};
  expect_refused(parts.bytes(), "Add 'self'");
}

TEST(HostileOnnx, NamesAMissingInitializer) {
  ModelParts parts;
  parts.nodes = {node("MatMul", {"x", "w"}, {"y"}, {}, "fc")};
  expect_refused(parts.bytes(), "MatMul 'fc' reads 'w'");
  parts.nodes = {node("Relu", {"x"}, {"z"})};
  expect_refused(parts.bytes(), "output 'y' is produced by nothing");
  parts.outputs.clear();
  expect_refused(parts.bytes(), "no outputs");
}

TEST(HostileOnnx, NamesWhatIsDefinedTwice) {
  ModelParts parts;
  parts.nodes = {node("Relu", {"x"}, {"y"}, {}, "one"), node("Neg", {"x"}, {"y"}, {}, "two")};
  expect_refused(parts.bytes(), "the name 'y' is produced twice: by Relu 'one' and by Neg 'two'");
  parts.nodes = {node("Relu", {"x"}, {"x"})};
  expect_refused(parts.bytes(), "the name 'x' is produced twice");
  parts.nodes = {node("Relu", {"x"}, {"y"})};
  parts.initializers = {floats("w", {1}, {1}), floats("w", {1}, {2})};
  expect_refused(parts.bytes(), "initializer 'w' is defined twice");
  parts.initializers.clear();
  parts.inputs = {value_info("x", {1}), value_info("x", {1})};
  expect_refused(parts.bytes(), "input 'x' is declared twice");
  parts.inputs = {value_info("x", {1})};
  parts.outputs = {value_info("y", {1}), value_info("y", {1})};
  expect_refused(parts.bytes(), "output 'y' is declared twice");
}

TEST(HostileOnnx, RefusesNodesWithoutTheirInputs) {
  ModelParts parts;
  parts.nodes = {node("Relu", {}, {"y"}, {}, "empty")};
  expect_refused(parts.bytes(), "Relu has 0 inputs");
  parts.nodes = {node("Add", {"", "x"}, {"y"}, {}, "hole")};
  expect_refused(parts.bytes(), "Add has no input 0");
  parts.nodes = {node("Relu", {"x"}, {"y", "z"}, {}, "many")};
  expect_refused(parts.bytes(), "Relu has 2 outputs");
}

TEST(HostileOnnx, RefusesAttributesOfAWrongType) {
  ModelParts parts;
  parts.nodes = {node("Cast", {"x"}, {"y"}, {float_attribute("to", 1)}, "cast")};
  expect_refused(parts.bytes(), "cast");
  parts.nodes = {node("Cast", {"x"}, {"y"}, {int_attribute("to", 1ll << 40)}, "cast")};
  expect_refused(parts.bytes(), "which ONNX does not define");
  parts.nodes = {node("Relu", {"x"}, {"y"}, {Message().text(1, "a").number(20, 99)}, "odd")};
  expect_refused(parts.bytes(), "the type 99");
}

TEST(HostileOnnx, RefusesDeepNesting) {
  Message innermost;
  for (int level = 0; level < 5000; ++level) {
    Message graph;
    graph.message(1, Message().message(5, Message().message(6, innermost)));
    innermost = graph;
  }
  expect_refused(Message().number(1, 10).message(7, innermost).bytes(), "nested more than");
}

TEST(HostileOnnx, RefusesAFileThatWouldFillTheMemory) {
  // 4 million empty nodes: 8 MB in the file, almost 1 GB as objects.
  std::string nodes;
  for (int i = 0; i < 4'000'000; ++i) {
    nodes += std::string("\x0a\x00", 2);
  }
  expect_refused(Message().number(1, 10).text(7, nodes).bytes(), "would take more than");
}

TEST(HostileOnnx, RefusesFunctionsThatGrowWithoutBoundOrCallThemselves) {
  const auto function = [](const std::string& name, const std::string& callee, int calls) {
    Message message;
    message.text(1, name).text(4, "a").text(5, "b");
    std::string last = "a";
    for (int i = 0; i < calls; ++i) {
      const std::string next = i + 1 == calls ? "b" : "t" + std::to_string(i);
      message.message(7, node(callee, {last}, {next}, {}, "", callee == "Relu" ? "" : "own"));
      last = next;
    }
    return message.message(9, Message().text(1, "").number(2, 20)).text(10, "own");
  };
  ModelParts parts;
  parts.nodes = {node("F0", {"x"}, {"y"}, {}, "", "own")};
  for (int level = 0; level < 12; ++level) {
    parts.functions.push_back(function("F" + std::to_string(level),
                                       level == 11 ? "Relu" : "F" + std::to_string(level + 1), 10));
  }
  expect_refused(parts.bytes(), "inlining the model's functions");  // 10^12 nodes would not end
  parts.functions = {function("F0", "F0", 1)};
  expect_refused(parts.bytes(), "more than 32 deep");
}

}  // namespace
}  // namespace temper::test
