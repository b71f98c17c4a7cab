// The gradients that a file gives, run node by node, beside those of compute_gradients(), which
// others are compared with (tests/models, tools/oracle).
#include "training/analysis/gradient_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "backends/backends.h"
#include "graph/onnx/import.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/bind_shapes.h"
#include "graph/passes/evaluate.h"
#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"
#include "training/formats/npz.h"

namespace temper::training {
namespace {

constexpr std::int64_t kRows = 12;

// What a model gives of all its outputs, by their names.
std::map<std::string, std::vector<double>> outputs_of(const std::string& path,
                                                      const std::string& data) {
  const auto model = graph::OnnxModel::load(path);
  const auto reference = make_backend("reference");
  graph::Graph read = model.build_graph(graph::standard_ops());
  graph::bind_shapes(read, {}, kRows, *reference);
  const NpzFile file(data);
  std::map<graph::ValueId, Tensor> known;
  for (const graph::ValueId id : read.inputs) {
    known[id] = file.read(read.value(id).name);
  }
  std::vector<graph::ValueId> wanted;
  for (const graph::Graph::Output& output : read.outputs) {
    wanted.push_back(output.value);
  }
  const std::vector<Tensor> made = graph::evaluate(read, *reference, known, wanted);
  std::map<std::string, std::vector<double>> outputs;
  for (std::size_t i = 0; i < made.size(); ++i) {
    outputs[read.outputs[i].name] = made[i].values<double>();
  }
  return outputs;
}

enum class Targets { kClasses, kNumbers, kShares, kSigns };

void write_data(const std::string& path, Targets targets) {
  const Tensor x = Tensor::from<float>(DType::kFloat32, {kRows, kTinyInputs},
                                       tiny_values(kRows * kTinyInputs, 5));
  if (targets == Targets::kClasses) {
    std::vector<std::int64_t> classes;
    for (std::int64_t row = 0; row < kRows; ++row) {
      classes.push_back(row % kTinyClasses);
    }
    return write_npz(
        path, {{"x", x}, {"target", Tensor::from<std::int64_t>(DType::kInt64, {kRows}, classes)}});
  }
  std::vector<float> numbers = tiny_values(kRows * kTinyClasses, 9);
  for (float& number : numbers) {
    number = targets == Targets::kShares  ? std::abs(number)
             : targets == Targets::kSigns ? (number < 0 ? -1.0f : 1.0f)
                                          : number;
  }
  write_npz(
      path,
      {{"x", x}, {"target", Tensor::from<float>(DType::kFloat32, {kRows, kTinyClasses}, numbers)}});
}

struct LossCase {
  const char* name;
  Targets targets;
  std::vector<std::string> lines;
};

TEST(GradientModel, GivesTheLossAndGradientsOfTemperGrad) {
  for (const LossCase& each :
       {LossCase{"cross_entropy", Targets::kClasses, {}},
        LossCase{"cross_entropy",
                 Targets::kClasses,
                 {"loss.label_smoothing=0.1", "loss.weight=[1.0,2.0,0.5]"}},
        LossCase{"focal", Targets::kClasses, {}}, LossCase{"multi_margin", Targets::kClasses, {}},
        LossCase{"dice", Targets::kClasses, {}}, LossCase{"bce_with_logits", Targets::kShares, {}},
        LossCase{"soft_margin", Targets::kSigns, {}}, LossCase{"hinge", Targets::kSigns, {}},
        LossCase{"mse", Targets::kNumbers, {}},
        LossCase{"mse", Targets::kNumbers, {"loss.reduction=sum"}},
        LossCase{"l1", Targets::kNumbers, {}}, LossCase{"smooth_l1", Targets::kNumbers, {}},
        LossCase{"huber", Targets::kNumbers, {"loss.delta=0.3"}},
        LossCase{"rmse", Targets::kNumbers, {}}}) {
    SCOPED_TRACE(concat(each.name, " ", join(each.lines, ", ")));
    const TempFolder folder;
    const std::string model = folder.path("m.onnx"), data = folder.path("d.npz"),
                      out = folder.path("g.onnx");
    write_tiny_model(model, {.dropout = 0.3});
    write_data(data, each.targets);
    std::vector<std::string> lines = {concat("loss.name=", each.name), "train.device=reference",
                                      "data.val_split=0", "data.shuffle=false"};
    lines.insert(lines.end(), each.lines.begin(), each.lines.end());
    const Recipe recipe = tiny_recipe(model, data, folder.path("run"), lines);
    GradientOptions options;
    options.wrt = {"**"};
    options.inputs = true;
    const Gradients expected = compute_gradients(recipe, options);
    write_loss_gradient(recipe, options, kRows, out);
    const auto got = outputs_of(out, data);
    ASSERT_TRUE(got.contains("loss"));
    EXPECT_NEAR(got.at("loss")[0], expected.loss, 1e-6 * std::max(1.0, expected.loss));
    EXPECT_GE(expected.tensors.size(), 7u);
    double largest = 1;
    for (const auto& [name, tensor] : expected.tensors) {
      for (const double value : tensor.values<double>()) {
        largest = std::max(largest, std::abs(value));
      }
    }
    for (const auto& [name, tensor] : expected.tensors) {
      const auto found = got.find("gradient." + name);
      ASSERT_NE(found, got.end()) << name;
      const std::vector<double> wanted = tensor.values<double>();
      ASSERT_EQ(found->second.size(), wanted.size()) << name;
      for (std::size_t i = 0; i < wanted.size(); ++i) {
        ASSERT_NEAR(found->second[i], wanted[i], 1e-6 * largest) << name;
      }
    }
  }
}

}  // namespace
}  // namespace temper::training
