// Gradient of ai.onnx.preview.training: derivatives of the file's own tensors, of other values than
// those, and of what another Gradient gave. Expected values are closed forms.
#include "graph/passes/gradient_requests.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "backends/backends.h"
#include "graph/onnx/import.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/bind_shapes.h"
#include "graph/passes/evaluate.h"
#include "tests/graph/onnx/expect_error.h"
#include "tests/graph/onnx/wire_writer.h"

namespace temper::test {
namespace {

using graph::Graph;
using graph::OnnxModel;

constexpr const char* kDomain = "ai.onnx.preview.training";

Message strings_attribute(const std::string& name, const Names& values) {
  Message attribute;
  attribute.text(1, name);
  for (const std::string& value : values) {
    attribute.text(9, value);
  }
  return attribute.number(20, 8);
}

Message gradient_node(const Names& inputs, const Names& outputs, const Names& xs, const Names& zs,
                      const std::string& y) {
  return node("Gradient", inputs, outputs,
              {strings_attribute("xs", xs), strings_attribute("zs", zs),
               Message().text(1, "y").text(4, y).number(20, 3)},
              "gradient", kDomain);
}

// f = a a b, a scalar each; what `outputs` are at these values.
std::vector<double> values_of(std::vector<Message> requests, const Names& outputs,
                              const std::map<std::string, double>& given) {
  ModelParts parts;
  parts.nodes = {node("Mul", {"a", "a"}, {"square"}), node("Mul", {"square", "b"}, {"f"})};
  parts.nodes.insert(parts.nodes.end(), requests.begin(), requests.end());
  parts.inputs.clear();
  for (const auto& [name, value] : given) {
    parts.inputs.push_back(value_info(name, {}, 11));
  }
  parts.outputs.clear();
  for (const std::string& output : outputs) {
    parts.outputs.push_back(value_info(output, {}, 11));
  }
  const TemporaryFolder folder;
  const OnnxModel model = OnnxModel::load(folder.write("model.onnx", parts.bytes()));
  Graph built = model.build_graph(graph::standard_ops());
  const auto reference = make_backend("reference");
  graph::bind_shapes(built, {}, 1, *reference);
  std::map<ValueId, Tensor> known;
  for (const ValueId input : built.inputs) {
    known[input] = Tensor::scalar<double>(DType::kFloat64, given.at(built.value(input).name));
  }
  std::vector<ValueId> wanted;
  for (const Graph::Output& output : built.outputs) {
    wanted.push_back(output.value);
  }
  std::vector<double> values;
  for (const Tensor& tensor : graph::evaluate(built, *reference, known, wanted, 1)) {
    values.push_back(tensor.values<double>().front());
  }
  return values;
}

TEST(GradientRequests, GiveTheDerivativesByEachTensor) {
  const auto values = values_of({gradient_node({"a", "b"}, {"da", "db"}, {"a", "b"}, {}, "f")},
                                {"f", "da", "db"}, {{"a", 3}, {"b", 5}});
  EXPECT_EQ(values, (std::vector<double>{45, 30, 9}));
}

TEST(GradientRequests, MayBeNested) {
  // d(2 a b)/da = 2 b, d(2 a b)/db = 2 a
  const auto values = values_of({gradient_node({"a", "b"}, {"da"}, {"a"}, {"b"}, "f"),
                                 gradient_node({"a", "b"}, {"aa", "ab"}, {"a", "b"}, {}, "da")},
                                {"da", "aa", "ab"}, {{"a", 3}, {"b", 5}});
  EXPECT_EQ(values, (std::vector<double>{30, 10, 6}));
}

TEST(GradientRequests, MayBeByAValueInBetween) {
  const auto values = values_of({gradient_node({"square"}, {"ds"}, {"square"}, {}, "f")}, {"ds"},
                                {{"a", 3}, {"b", 5}});
  EXPECT_EQ(values, (std::vector<double>{5}));
}

TEST(GradientRequests, ComputeAgainFromOtherValuesThatAreFed) {
  // At a = c: 2 c b and c c.
  const auto values = values_of({gradient_node({"c", "b"}, {"da", "db"}, {"a", "b"}, {}, "f")},
                                {"f", "da", "db"}, {{"a", 3}, {"b", 5}, {"c", 7}});
  EXPECT_EQ(values, (std::vector<double>{45, 70, 49}));
}

TEST(GradientRequests, RefuseATensorThatIsNotThere) {
  expect_error(ErrorCode::kUnsupported, "names the tensor 'g'", [] {
    values_of({gradient_node({"a"}, {"da"}, {"a"}, {}, "g")}, {"da"}, {{"a", 3}, {"b", 5}});
  });
}

TEST(GradientRequests, RefuseAWrongNumberOfInputs) {
  expect_error(ErrorCode::kInvalidModel, "has 1 inputs for 2 xs and 0 zs", [] {
    values_of({gradient_node({"a"}, {"da"}, {"a", "b"}, {}, "f")}, {"da"}, {{"a", 3}, {"b", 5}});
  });
}

}  // namespace
}  // namespace temper::test
