// Clipped and centralised gradients against PyTorch's, on both backends and in both float types;
// where units lie.
#include "training/compile/step/gradient_clip.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "backends/backends.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/evaluate.h"
#include "runtime/base/error.h"
#include "tests/training/expected/clipping.h"
#include "training/compile/step/unit_axes.h"

namespace temper::training {
namespace {

using graph::ValueId;

struct Result {
  double norm = 0;
  std::vector<std::vector<double>> gradients;
};

graph::VariableId parameter(graph::Graph& graph, const std::string& name, DType dtype,
                            const Shape& shape) {
  graph::Variable variable;
  variable.name = name;
  variable.dtype = dtype;
  variable.shape = shape;
  variable.trainable = true;
  return graph.add_variable(std::move(variable));
}

// With `loss_scale`: of gradients times it, which are still to be unscaled.
Result run(const ExpectedClipping& wanted, DType dtype, const char* backend_name,
           double loss_scale = 1) {
  graph::Graph graph(graph::standard_ops());
  graph::Builder builder(graph, "test");
  UpdateInputs update;
  update.groups = {{{"centralize", std::int64_t{wanted.centralize}}}};
  std::map<ValueId, Tensor> known;
  for (const ClippingTensor& tensor : clipping_tensors()) {
    const std::string name = concat("p", update.parameters.size());
    const graph::VariableId id = parameter(graph, name, dtype, tensor.shape);
    update.parameters.push_back(id);
    update.group_of.push_back(0);
    update.unit_axes.push_back(tensor.unit_axis);
    known.emplace(graph.read_variable(id),
                  Tensor::from<double>(dtype, tensor.shape, tensor.parameter));
    update.gradients.push_back(graph.add_input("g" + name, dtype, tensor.shape));
    std::vector<double> scaled = tensor.gradient;
    for (double& element : scaled) {
      element *= loss_scale;
    }
    known.emplace(update.gradients.back(), Tensor::from<double>(dtype, tensor.shape, scaled));
  }
  ValueId unscale;
  if (loss_scale != 1) {
    unscale = graph.add_input("unscale", dtype, Shape{});
    known.emplace(unscale, Tensor::from<double>(dtype, {}, std::vector<double>{1 / loss_scale}));
  }
  unscale_gradients(builder, wanted.settings, false, unscale, update);
  const ClippedGradients clip = clip_gradients(builder, wanted.settings, update);
  centralize_gradients(builder, update);
  const ValueId factor = clip_factor(builder, wanted.settings, clip, update);
  std::vector<ValueId> results{clip.norm};
  for (const ValueId gradient : update.gradients) {
    results.push_back(builder.mul(gradient, factor));
  }
  const auto backend = make_backend(backend_name);
  const std::vector<Tensor> tensors = graph::evaluate(graph, *backend, known, results);
  Result result{tensors[0].values<double>().front(), {}};
  for (std::size_t i = 1; i < tensors.size(); ++i) {
    result.gradients.push_back(tensors[i].values<double>());
  }
  return result;
}

void expect_equal(DType dtype, const char* backend, double tolerance) {
  for (const ExpectedClipping& wanted : expected_clippings()) {
    const ClipSettings& s = wanted.settings;
    SCOPED_TRACE(concat("norm ", s.norm, ", tensor_norm ", s.tensor_norm, ", norm_type ",
                        s.norm_type, ", value ", s.value, ", agc ", s.agc, ", centralize ",
                        wanted.centralize, ", ", dtype, " on ", backend));
    const Result result = run(wanted, dtype, backend);
    EXPECT_NEAR(result.norm, wanted.norm, tolerance * wanted.norm);
    ASSERT_EQ(result.gradients.size(), wanted.gradients.size());
    for (std::size_t t = 0; t < wanted.gradients.size(); ++t) {
      for (std::size_t i = 0; i < wanted.gradients[t].size(); ++i) {
        EXPECT_NEAR(result.gradients[t][i], wanted.gradients[t][i],
                    tolerance * std::max(1.0, std::abs(wanted.gradients[t][i])))
            << "tensor " << t << ", element " << i;
      }
    }
  }
}

TEST(GradientClipping, EqualsPyTorchInDouble) {
  expect_equal(DType::kFloat64, "reference", 1e-12);
  expect_equal(DType::kFloat64, "cpu", 1e-12);
}

TEST(GradientClipping, EqualsPyTorchInFloat) {
  expect_equal(DType::kFloat32, "reference", 2e-6);
  expect_equal(DType::kFloat32, "cpu", 2e-6);
}

TEST(GradientClipping, OfScaledGradientsHasTheBitsOfUnscaledOnes) {
  for (const ExpectedClipping& wanted : expected_clippings()) {
    for (const char* backend : {"reference", "cpu"}) {
      const Result unscaled = run(wanted, DType::kFloat32, backend);
      for (const double loss_scale : {65536.0, 0.25}) {
        const Result scaled = run(wanted, DType::kFloat32, backend, loss_scale);
        const bool whole_power = std::isinf(wanted.settings.norm_type) ||
                                 wanted.settings.norm_type == std::round(wanted.settings.norm_type);
        if (whole_power) {
          EXPECT_EQ(scaled.norm, unscaled.norm) << backend;
          EXPECT_EQ(scaled.gradients, unscaled.gradients) << backend;
        } else {
          EXPECT_NEAR(scaled.norm, unscaled.norm, 1e-6 * unscaled.norm) << backend;
        }
      }
    }
  }
}

TEST(GradientClipping, LeavesScaledGradientsToTheOptimizersPassUnlessSomethingLooksAtThem) {
  for (const bool watched : {false, true}) {
    graph::Graph graph(graph::standard_ops());
    graph::Builder builder(graph, "test");
    UpdateInputs update;
    update.groups = {{}};
    update.gradients = {graph.add_input("g", DType::kFloat32, Shape{3})};
    const ValueId given = update.gradients[0];
    const ValueId unscale = graph.add_input("unscale", DType::kFloat32, Shape{});
    unscale_gradients(builder, {}, watched, unscale, update);
    EXPECT_EQ(update.gradients[0] == given, !watched);
    EXPECT_EQ(update.unscale.valid(), !watched);
  }
}

TEST(GradientClipping, NormsOfEveryTypeKeepNan) {
  for (const double norm_type : {0.5, 1.0, 2.0, 3.0, HUGE_VAL}) {
    for (const char* backend : {"reference", "cpu"}) {
      graph::Graph graph(graph::standard_ops());
      graph::Builder builder(graph, "test");
      const ValueId x = graph.add_input("x", DType::kFloat32, Shape{3});
      const ValueId norm = builder.op("GlobalNorm", {x}, {{"norm_type", norm_type}});
      const std::vector<Tensor> made = graph::evaluate(
          graph, *make_backend(backend),
          {{x, Tensor::from<float>(DType::kFloat32, {3}, std::vector<float>{1, NAN, 2})}}, {norm});
      EXPECT_TRUE(std::isnan(made[0].values<double>()[0])) << norm_type << " " << backend;
    }
  }
}

TEST(UnitAxes, AreRowsUnlessAProductTakesTheWeightAsItLies) {
  graph::Graph graph(graph::standard_ops());
  graph::Builder builder(graph, "test");
  const ValueId x = graph.add_input("x", DType::kFloat32, Shape{2, 3});
  const auto matmul = parameter(graph, "matmul", DType::kFloat32, {3, 3});
  const auto gemm = parameter(graph, "gemm", DType::kFloat32, {3, 3});
  const auto linear = parameter(graph, "linear", DType::kFloat32, {3, 3});
  const auto turned = parameter(graph, "turned", DType::kFloat32, {3, 3});
  const auto bias = parameter(graph, "bias", DType::kFloat32, {3});
  ValueId h = builder.op("MatMul", {x, graph.read_variable(matmul)});
  h = builder.op("Gemm", {h, graph.read_variable(gemm)});
  h = builder.op("Gemm", {h, graph.read_variable(linear)}, {{"transB", std::int64_t{1}}});
  h = builder.op("MatMul", {h, builder.transpose(graph.read_variable(turned), {1, 0})});
  builder.add(h, graph.read_variable(bias));
  EXPECT_EQ(unit_axes(graph, {matmul, gemm, linear, turned, bias}),
            (std::vector<std::int64_t>{1, 1, 0, 0, -1}));
}

}  // namespace
}  // namespace temper::training
