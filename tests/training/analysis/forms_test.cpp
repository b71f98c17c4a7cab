// Models in other opsets, folded, and back from 16 bits give what onnxruntime, or onnx's reference,
// gives of them as they were (tools/oracle/deploy_forms.py), NaN and infinities included.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "backends/reference/reference_backend.h"
#include "graph/onnx/surgery/model_edit.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/bind_shapes.h"
#include "graph/passes/evaluate.h"
#include "tests/training/test_files.h"
#include "training/analysis/deployment.h"
#include "training/formats/npz.h"

namespace temper::training {
namespace {

using testing::HasSubstr;

std::string form(const std::string& name) {
  return TEMPER_SOURCE_DIR "/tests/training/analysis/fixtures/forms/" + name;
}

DeploymentOptions of_opset(std::int64_t opset) {
  DeploymentOptions options;
  options.conversions.opset.emplace().opset = opset;
  return options;
}

void expect_numbers(const std::string& name, const Tensor& actual, const Tensor& expected) {
  ASSERT_EQ(actual.shape(), expected.shape()) << name;
  if (!is_float(expected.dtype())) {
    EXPECT_EQ(actual.values<std::int64_t>(), expected.values<std::int64_t>()) << name;
    return;
  }
  const std::vector<double> a = actual.values<double>(), b = expected.values<double>();
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isfinite(b[i])) {
      EXPECT_NEAR(a[i], b[i], 3e-6 * std::max(1.0, std::abs(b[i]))) << name << " at " << i;
    } else {
      EXPECT_TRUE(std::isnan(b[i]) ? std::isnan(a[i]) : a[i] == b[i]) << name << " at " << i;
    }
  }
}

// The file at `path` gives what NAME.npz has.
void expect_outputs(const std::string& path, const std::string& name) {
  SCOPED_TRACE(name);
  const auto reference = reference::make_reference_backend();
  const graph::OnnxModel model = graph::OnnxModel::load(path);
  graph::Graph graph = model.build_graph(graph::standard_ops());
  const NpzFile numbers(form(name + ".npz"));
  std::map<ValueId, Tensor> given;
  std::map<std::string, std::int64_t> symbols;
  for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
    const Tensor value = numbers.read(graph.value(graph.inputs[i]).name);
    given[graph.inputs[i]] = value;
    const std::vector<graph::Dim> dims = model.inputs().at(i).dims;
    for (std::size_t axis = 0; axis < dims.size(); ++axis) {
      if (!dims[axis].symbol.empty()) {
        symbols[dims[axis].symbol] = value.shape()[static_cast<int>(axis)];
      }
    }
  }
  graph::bind_shapes(graph, symbols, 1, *reference);
  for (const auto& output : graph.outputs) {
    expect_numbers(output.name, graph::evaluate(graph, *reference, given, {output.value})[0],
                   numbers.read("out." + output.name));
  }
}

TEST(Forms, EveryOpsetGivesWhatTheModelGave) {
  const TempFolder folder;
  const std::string out = folder.path("out.onnx"), back = folder.path("back.onnx");
  for (const char* name : {"numbers", "layers", "bodies", "constants", "attention"}) {
    for (const std::int64_t opset : {7, 8, 9, 10, 11, 12, 13, 15, 17, 19, 21, 23, 28}) {
      SCOPED_TRACE(opset);
      deploy_model(form(std::string(name) + ".onnx"), out, of_opset(opset));
      EXPECT_EQ(graph::OnnxModel::load(out).opset(), opset);
      expect_outputs(out, name);
      deploy_model(out, back, of_opset(23));
      expect_outputs(back, name);
    }
  }
}

TEST(Forms, FoldingLeavesWhatDependsOnTheInputs) {
  const TempFolder folder;
  const std::string out = folder.path("out.onnx");
  DeploymentOptions options;
  options.conversions.fold.emplace();
  const Deployment done = deploy_model(form("constants.onnx"), out, options);
  expect_outputs(out, "constants");
  const auto counts = graph::OnnxModel::load(out).op_counts();
  const std::map<std::string, std::int64_t> expected = {
      {"Clip", 1}, {"Concat", 1},     {"Constant", 1}, {"Conv", 1}, {"ConvTranspose", 1},
      {"Gemm", 1}, {"ReduceMean", 1}, {"Reshape", 1},  {"Shape", 1}};
  EXPECT_EQ((std::map<std::string, std::int64_t>(counts.begin(), counts.end())), expected);
  const graph::OnnxModel model = graph::OnnxModel::load(out);
  EXPECT_EQ(graph::ModelEdit(model).find_tensor("unread"), nullptr);
  EXPECT_THAT(done.notes, testing::Contains(HasSubstr("in front of it: 3")));
  EXPECT_THAT(done.notes, testing::Contains(HasSubstr(", 1 tensors were not read")));
  options.conversions.opset.emplace().opset = 7;
  deploy_model(form("constants.onnx"), out, options);
  expect_outputs(out, "constants");
}

TEST(Forms, WhatCannotBeWrittenIsRefusedWithAllReasonsAndWhatHelps) {
  const TempFolder folder;
  const std::string out = folder.path("out.onnx");
  expect_error([&] { deploy_model(form("open_sizes.onnx"), out, of_opset(7)); },
               ErrorCode::kUnsupported, "Where 'larger': before opset 9", "Where 'smaller'",
               "--fix-dims");
  EXPECT_FALSE(std::filesystem::exists(out));
  deploy_model(form("open_sizes.onnx"), out, of_opset(9));
  expect_outputs(out, "open_sizes");
  DeploymentOptions fixed = of_opset(7);
  fixed.conversions.fixed_dims["batch"] = 2;
  deploy_model(form("open_sizes.onnx"), out, fixed);
  expect_outputs(out, "open_sizes");
}

}  // namespace
}  // namespace temper::training
