// Losses in ONNX files against PyTorch 2.15 (tools/oracle/loss_files.py): values, gradients and the
// gradient of a gradient, on both backends and in both float types.
#include "training/compile/loss_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <span>

#include "backends/backends.h"
#include "graph/autodiff/gradient.h"
#include "graph/ir/builder.h"
#include "graph/onnx/import.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/evaluate.h"
#include "runtime/base/error.h"
#include "tests/training/expected/loss_files.h"
#include "tests/training/test_files.h"

namespace temper::training {
namespace {

namespace expected = expected_files;

// scores = x w.
graph::Graph linear_model(DType dtype) {
  graph::Graph graph(graph::standard_ops());
  const graph::ValueId x = graph.add_input("x", dtype, Shape{4, 2});
  graph::Variable variable;
  variable.name = "w";
  variable.dtype = dtype;
  variable.shape = Shape{2, 3};
  variable.trainable = true;
  variable.initial = Tensor::from<double>(dtype, variable.shape, expected::kW);
  const graph::VariableId id = graph.add_variable(variable);
  graph::Builder builder(graph, "model");
  graph.add_output("scores", builder.op("MatMul", {x, graph.read_variable(id)}));
  return graph;
}

graph::Graph load(const std::string& name, DType dtype) {
  const std::string path = fixture(concat("loss_", name, "_", dtype, ".onnx"));
  return as_loss_file(graph::OnnxModel::load(path).build_graph(graph::standard_ops()), path);
}

// What the data would give.
std::vector<LossFileTarget> targets_of(const std::string& loss, DType dtype) {
  if (loss == "cross_entropy" || loss == "labelled") {
    return {{"target", 0, DType::kInt64, Shape{}}};
  }
  return {{"price", 0, dtype, Shape{3}}};
}

Tensor value_for(const graph::Value& input, DType dtype) {
  const graph::PortRole role = input.port.role;
  return role == graph::PortRole::kModelInput
             ? Tensor::from<double>(dtype, Shape{4, 2}, expected::kX)
         : role == graph::PortRole::kTarget && is_float(input.dtype)
             ? Tensor::from<double>(dtype, Shape{4, 3}, expected::kPrice)
         : role == graph::PortRole::kSampleWeight
             ? Tensor::from<double>(dtype, Shape{4}, expected::kSampleWeight)
             : Tensor::from<std::int64_t>(DType::kInt64, Shape{4}, expected::kLabels);
}

// Loss, gradient, and the gradient of the gradient's squared norm.
std::vector<std::vector<double>> measure(const expected::Loss& wanted, DType dtype,
                                         const char* backend_name) {
  const graph::Graph file = load(wanted.name, dtype);
  CompileSettings settings;
  LossTerm term;
  term.file = wanted.name;
  term.graph = &file;
  term.file_targets = targets_of(wanted.name, dtype);
  settings.losses = {term};
  settings.sample_weight = wanted.name == "weighted";
  GraphRequest request;
  request.kind = GraphKind::kGradient;
  request.batch = 4;
  request.wrt = {gradient_of(linear_model(dtype), "w")};
  const auto backend = make_backend(backend_name);
  const auto reference = make_backend("reference");
  MadeGraph made = make_graph(linear_model(dtype), settings, request, *reference);
  graph::Graph& joint = made.graph;
  for (int i = 0; i < joint.variable_count(); ++i) {
    const std::string& name = joint.variable(graph::VariableId{i}).name;
    EXPECT_TRUE(name == "w" || name.starts_with("step.")) << name << ": nothing of the file is one";
  }
  std::vector<graph::ValueId> results = {
      joint.outputs.at(static_cast<std::size_t>(made.ports.loss)).value,
      joint.outputs.at(static_cast<std::size_t>(made.ports.gradients.at(0).output)).value};
  if (!wanted.second.empty()) {
    graph::Builder builder(joint, "square");
    const graph::ValueId square = builder.mul(results[1], results[1]);
    const graph::ValueId w = joint.read_variable(joint.find_variable("w"));
    const graph::ValueId norm = builder.reduce_sum(square, {0, 1}, false);
    results.push_back(graph::gradient(joint, norm, std::span(&w, 1)).front());
  }
  std::map<graph::ValueId, Tensor> known;
  for (const graph::ValueId id : joint.inputs) {
    known[id] = value_for(joint.value(id), dtype);
  }
  std::vector<std::vector<double>> values;
  for (const Tensor& tensor : graph::evaluate(joint, *backend, known, results)) {
    values.push_back(tensor.values<double>());
  }
  return values;
}

void expect_near(const std::vector<double>& values, const std::vector<double>& wanted,
                 double tolerance, const char* what) {
  ASSERT_EQ(values.size(), wanted.size()) << what;
  double scale = 0;
  for (const double value : wanted) {
    scale = std::max(scale, std::abs(value));
  }
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_NEAR(values[i], wanted[i], tolerance * scale) << what << ", element " << i;
  }
}

void expect_pytorchs(DType dtype, const char* backend, double tolerance) {
  for (const expected::Loss& wanted : expected::kLosses) {
    SCOPED_TRACE(concat(wanted.name, " ", dtype, " on ", backend));
    const auto values = measure(wanted, dtype, backend);
    expect_near(values[0], {wanted.value}, tolerance, "loss");
    expect_near(values[1], wanted.gradient, tolerance, "gradient");
    if (!wanted.second.empty()) {
      expect_near(values[2], wanted.second, tolerance, "second order");
    }
  }
}

TEST(LossFile, EqualsPyTorchInDouble) {
  expect_pytorchs(DType::kFloat64, "reference", 1e-6);
  expect_pytorchs(DType::kFloat64, "cpu", 1e-6);
}

TEST(LossFile, EqualsPyTorchInFloat) {
  expect_pytorchs(DType::kFloat32, "reference", 1e-5);
  expect_pytorchs(DType::kFloat32, "cpu", 1e-5);
}

TEST(LossFile, NamesOfTheModelComeBeforeThoseOfTheData) {
  const auto role = [](std::string_view name, bool weights) {
    return role_of(name, {"x", "y"}, {"scores", "y"}, weights);
  };
  EXPECT_EQ(role("scores", false), LossFileRole::kModelOutput);
  EXPECT_EQ(role("y", false), LossFileRole::kModelOutput);
  EXPECT_EQ(role("x", false), LossFileRole::kModelInput);
  EXPECT_EQ(role("target:scores", false), LossFileRole::kTarget);
  EXPECT_EQ(role(kSampleWeightInput, false), LossFileRole::kTarget);
  EXPECT_EQ(role(kSampleWeightInput, true), LossFileRole::kSampleWeight);
}

}  // namespace
}  // namespace temper::training
