// The step as a file computes what training does: its graph, run node by node, beside a run.
#include "training/analysis/training_step.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "graph/ir/op_def.h"
#include "graph/onnx/step_file.h"
#include "graph/ops/standard_ops.h"
#include "tests/graph/onnx/expect_error.h"
#include "tests/graph/onnx/wire_writer.h"
#include "tests/training/support/step_weights.h"
#include "training/formats/npz.h"
#include "training/optimizers/optimizer.h"

namespace temper::training {
namespace {

using test::expect_error;

struct StepCase {
  const char* name;
  std::vector<std::string> lines;
  double tolerance = 2e-6;
  std::vector<OptimizerGroupSettings> groups = {};
};

Recipe recipe_of(const StepFiles& files, const StepCase& each) {
  Recipe made = files.recipe(each.lines);
  made.groups = each.groups;
  return made;
}

void PrintTo(const StepCase& each, std::ostream* out) { *out << each.name; }

// In front of a normalisation the gradient of a bias is rounding alone, of which what divides by
// its size makes whole steps: b1 is frozen.
const std::string kFrozen = "model.freeze=[\"b1\"]";

const std::vector<StepCase>& step_cases() {
  static const std::vector<StepCase> cases = {
      {"Sgd", {"optimizer.name=sgd", "optimizer.lr=0.05", "clip.norm=0.3"}},
      {"Momentum",
       {"optimizer.name=sgd", "optimizer.lr=0.02", "optimizer.momentum=0.9",
        "optimizer.dampening=0.1", "optimizer.weight_decay=0.01", "clip.norm=0.5"}},
      {"Nesterov",
       {"optimizer.name=sgd", "optimizer.lr=0.02", "optimizer.momentum=0.9",
        "optimizer.nesterov=true", "optimizer.weight_decay=0.01", "clip.norm=0.5"}},
      {"SgdAdaptiveClip", {"optimizer.name=sgd", "optimizer.lr=0.05", "clip.agc=0.05"}},
      {"SgdAdaptiveClipLargest",
       {"optimizer.name=sgd", "optimizer.lr=0.05", "clip.agc=0.05", "clip.norm_type=inf",
        "clip.norm=0.2"}},
      {"SgdClippedByTensor",
       {"optimizer.name=sgd", "optimizer.lr=0.05", "clip.value=0.05", "clip.tensor_norm=0.1",
        "clip.norm_type=3"}},
      {"Adam", {"optimizer.name=adam", "optimizer.lr=0.003", "clip.norm=0.5", kFrozen}},
      {"AdamAmsgrad",
       {"optimizer.name=adam", "optimizer.lr=0.003", "optimizer.amsgrad=true",
        "optimizer.maximize=true", kFrozen}},
      {"AdamwCosine",
       {"optimizer.name=adamw", "optimizer.lr=0.003", "schedule.name=cosine",
        "schedule.warmup=5 steps", "clip.norm=0.5", kFrozen}},
      {"AdamwOneCycle",
       {"optimizer.name=adamw", "optimizer.lr=0.003", "schedule.name=one_cycle",
        "schedule.max_lr=0.01", kFrozen}},
      {"Rmsprop", {"optimizer.name=rmsprop", "optimizer.lr=0.002", "clip.norm=0.5", kFrozen}},
      {"RmspropCenteredMomentum",
       {"optimizer.name=rmsprop", "optimizer.lr=0.002", "optimizer.momentum=0.5",
        "optimizer.centered=true", "optimizer.eps=1e-3", "optimizer.weight_decay=0.01", kFrozen}},
      {"RmspropOneCycle",
       {"optimizer.name=rmsprop", "optimizer.lr=0.002", "optimizer.momentum=0.5",
        "schedule.name=one_cycle", "schedule.max_lr=0.004", kFrozen}},
      {"Radam",
       {"optimizer.name=radam", "optimizer.lr=0.01", "optimizer.weight_decay=0.01",
        "optimizer.decoupled_weight_decay=true", kFrozen}},
      {"Nadam",
       {"optimizer.name=nadam", "optimizer.lr=0.003", "optimizer.weight_decay=0.01",
        "clip.norm=0.5", kFrozen}},
      {"NadamGroups",
       {"optimizer.name=nadam", "optimizer.lr=0.003", kFrozen},
       2e-6,
       {{"b2", {{"betas", std::vector<double>{0.8, 0.99}}}},
        {"w2", {{"lr", 0.01}, {"weight_decay", 0.1}}}}},
      {"Adamax",
       {"optimizer.name=adamax", "optimizer.lr=0.003", "optimizer.weight_decay=0.01", kFrozen}},
      {"Adagrad",
       {"optimizer.name=adagrad", "optimizer.lr=0.02", "optimizer.lr_decay=0.1",
        "optimizer.initial_accumulator_value=0.1", kFrozen}},
      {"Adadelta", {"optimizer.name=adadelta", "optimizer.lr=0.5", kFrozen}},
      {"Lion",
       {"optimizer.name=lion", "optimizer.lr=0.002", "optimizer.weight_decay=0.1", kFrozen}},
      {"Lamb",
       {"optimizer.name=lamb", "optimizer.lr=0.01", "optimizer.weight_decay=0.01", kFrozen}},
      {"Lars",
       {"optimizer.name=lars", "optimizer.lr=1", "optimizer.trust_coefficient=0.02",
        "optimizer.weight_decay=0.01", "optimizer.nesterov=true", kFrozen}},
      {"Adafactor",
       {"optimizer.name=adafactor", "optimizer.lr=0.02", "optimizer.weight_decay=0.01", kFrozen}},
      // Each iteration of its polynomial takes what was rounded times 3.4.
      {"Muon", {"optimizer.name=muon", "optimizer.lr=0.02", "clip.norm=0.5", kFrozen}, 1e-5},
      {"MuonOneCycle",
       {"optimizer.name=muon", "optimizer.lr=0.02", "schedule.name=one_cycle",
        "schedule.max_lr=0.02", "optimizer.maximize=true", kFrozen},
       1e-5}};
  return cases;
}

class StandardStepOf : public testing::TestWithParam<StepCase> {};

TEST_P(StandardStepOf, ComputesWhatTrainingDoes) {
  const StepFiles files({.dropout = 0});
  const Recipe recipe = recipe_of(files, GetParam());
  const Weights trained = trained_weights(recipe);
  EXPECT_LT(difference_of(weights_of_graph(recipe, files.data), trained), GetParam().tolerance);
}

TEST_P(StandardStepOf, ComputesTheSameBitsFromItsFile) {
  const StepFiles files({.dropout = 0});
  const Recipe recipe = recipe_of(files, GetParam());
  const Weights of_file = weights_of_file(recipe, files.data, files.folder.path("flat.onnx"));
  EXPECT_EQ(difference_of(of_file, weights_of_graph(recipe, files.data)), 0);
}

INSTANTIATE_TEST_SUITE_P(Optimizers, StandardStepOf, testing::ValuesIn(step_cases()),
                         [](const auto& each) { return std::string(each.param.name); });

TEST(StandardStep, IsThereForEveryOptimizer) {
  for (const Optimizer& optimizer : optimizers()) {
    EXPECT_TRUE(std::any_of(step_cases().begin(), step_cases().end(), [&](const StepCase& each) {
      return each.lines[0] == "optimizer.name=" + optimizer.name;
    })) << optimizer.name;
  }
}

TEST(StandardStep, DropsWhatTrainingDrops) {
  const StepFiles files({.dropout = 0.3});
  const Recipe recipe = files.recipe({"optimizer.name=sgd", "optimizer.lr=0.05"});
  EXPECT_LT(difference_of(weights_of_graph(recipe, files.data), trained_weights(recipe)), 2e-6);
}

TEST(StandardStep, IsWrittenAloneAndBesideTheModel) {
  const StepFiles files({.dropout = 0});
  const Recipe recipe = files.recipe({"optimizer.name=adamw"});
  const std::string flat = files.folder.path("flat.onnx"), beside = files.folder.path("t.onnx");
  const TrainingStepReport report = write_training_step(recipe, flat, {.flat = true});
  EXPECT_EQ(report.batch, kStepRows);
  EXPECT_EQ(report.parameters, 8);  // w1, b1, w2, b2 and four of BatchNormalization
  EXPECT_EQ(report.states, 13);     // two moments of six parameters, the number of steps
  EXPECT_EQ(report.rate_steps, 1);
  const auto alone = graph::OnnxModel::load(flat);
  EXPECT_FALSE(graph::has_training_info(alone));
  EXPECT_EQ(alone.inputs().size(), 2u);  // those without an initializer
  EXPECT_EQ(alone.outputs().size(), 3u + 21u);
  for (const auto& [op, count] : alone.op_counts()) {
    const graph::OpDef* known = graph::standard_ops().find_imported(op);
    EXPECT_TRUE(known != nullptr && !known->is_internal) << op;
  }
  write_training_step(recipe, beside, {});
  const auto model = graph::OnnxModel::load(beside);
  EXPECT_TRUE(graph::has_training_info(model));
  EXPECT_EQ(model.inputs().size(), 1u);
  EXPECT_EQ(model.outputs().size(), 1u);
}

TEST(StandardStep, NamesAllThatHasNoFormInOneStep) {
  const StepFiles files({.dropout = 0});
  const Recipe recipe = files.recipe({"train.accumulate=2", "average.kind=ema"});
  const std::string out = files.folder.path("no.onnx");
  for (const char* part : {"no train.accumulate", "no [average]"}) {
    expect_error(ErrorCode::kUnsupported, part, [&] { write_training_step(recipe, out, {}); });
  }
  EXPECT_FALSE(std::filesystem::exists(out));
}

// x[batch, 5, 3] -> the last states of both directions -> a linear layer.
void write_recurrent_model(const std::string& path, const std::string& op, std::int64_t gates) {
  using namespace test;
  constexpr std::int64_t kLength = 5, kInputs = 3, kHidden = 4, kDirections = 2;
  const std::int64_t rows = gates * kHidden, width = kDirections * kHidden;
  const auto tensor = [](const std::string& name, const Dims& dims, std::uint64_t seed) {
    std::int64_t count = 1;
    for (const std::int64_t dim : dims) {
      count *= dim;
    }
    return floats(name, dims, tiny_values(count, seed));
  };
  ModelParts parts;
  parts.inputs = {value_info("x", {-1, kLength, kInputs})};
  parts.outputs = {value_info("y", {-1, kTinyClasses})};
  parts.initializers = {
      tensor("w", {kDirections, rows, kInputs}, 1), tensor("r", {kDirections, rows, kHidden}, 2),
      tensor("b", {kDirections, 2 * rows}, 3),      tensor("out.w", {width, kTinyClasses}, 4),
      tensor("out.b", {kTinyClasses}, 5),           ints("shape", {-1, width})};
  parts.nodes = {
      node("Transpose", {"x"}, {"turned"}, {ints_attribute("perm", {1, 0, 2})}, "turn"),
      node(op, {"turned", "w", "r", "b"}, {"", "h"},
           {int_attribute("hidden_size", kHidden),
            Message().text(1, "direction").text(4, "bidirectional").number(20, 3)},
           "cells"),
      node("Transpose", {"h"}, {"last"}, {ints_attribute("perm", {1, 0, 2})}, "turn back"),
      node("Reshape", {"last", "shape"}, {"flat"}, {}, "flatten"),
      node("Gemm", {"flat", "out.w", "out.b"}, {"y"}, {}, "out")};
  std::ofstream(path, std::ios::binary) << parts.bytes();
}

TEST(StandardStep, UnrollsRecurrentLayers) {
  for (const auto& [op, gates] : {std::pair{"LSTM", 4}, {"GRU", 3}, {"RNN", 1}}) {
    const StepFiles files({.dropout = 0});
    write_recurrent_model(files.model, op, gates);
    constexpr std::int64_t kAll = kStepRows * kStepsTaken;
    std::vector<std::int64_t> target;
    for (std::int64_t row = 0; row < kAll; ++row) {
      target.push_back(row % kTinyClasses);
    }
    write_npz(files.data,
              {{"x", Tensor::from<float>(DType::kFloat32, {kAll, 5, 3}, tiny_values(kAll * 15, 7))},
               {"target", Tensor::from<std::int64_t>(DType::kInt64, {kAll}, target)}});
    const Recipe recipe = files.recipe({"optimizer.name=adamw", "optimizer.lr=0.01"});
    const Weights stepped = weights_of_file(recipe, files.data, files.folder.path("flat.onnx"));
    EXPECT_TRUE(stepped.contains("w") && stepped.contains("r") && stepped.contains("b"));
    EXPECT_LT(difference_of(stepped, trained_weights(recipe)), 5e-6) << op;
  }
}

TEST(StandardStep, ListsOperatorsWithoutAStandardForm) {
  using namespace test;
  const StepFiles files({.dropout = 0});
  ModelParts parts;
  parts.inputs = {value_info("x", {-1, kTinyInputs})};
  parts.outputs = {value_info("y", {-1, kTinyClasses})};
  parts.initializers = {floats("w", {kTinyInputs, kTinyClasses}, tiny_values(18, 1)),
                        ints("pads", {0, 1, 0, 1}), floats("scales", {2}, {1.0f, 0.6f})};
  parts.nodes = {node("Gemm", {"x", "w"}, {"h"}, {}, "first"),
                 node("Pad", {"h", "pads"}, {"padded"},
                      {Message().text(1, "mode").text(4, "reflect").number(20, 3)}, "mirror"),
                 node("Resize", {"padded", "", "scales"}, {"y"},
                      {Message().text(1, "mode").text(4, "linear").number(20, 3)}, "smaller")};
  std::ofstream(files.model, std::ios::binary) << parts.bytes();
  const Recipe recipe = files.recipe({"optimizer.name=lion"});
  for (const char* part : {"PadGrad", "ResizeGrad"}) {
    expect_error(ErrorCode::kUnsupported, part,
                 [&] { write_training_step(recipe, files.folder.path("no.onnx"), {}); });
  }
}

}  // namespace
}  // namespace temper::training
