// The loss of a set and the gradient of an accumulated step do not depend on how rows lie in
// batches: against PyTorch on all rows at once (tools/oracle/set_losses.py).
#include "tests/training/expected/set_losses.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>

#include "tests/graph/onnx/wire_writer.h"
#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"
#include "training/formats/npz.h"
#include "training/session/evaluation.h"
#include "training/session/run_metrics.h"

namespace temper::training {
namespace {

using Lines = std::vector<std::string>;
using expected_sets::Expected;

const std::map<std::string, std::string> kRecipes = {
    {"Ignored", "[loss]\nname = \"cross_entropy\"\n"},
    {"ClassWeights", "[loss]\nname = \"cross_entropy\"\nweight = [1, 2, 5]\n"},
    {"Sum", "[loss]\nname = \"cross_entropy\"\nweight = [1, 2, 5]\nreduction = \"sum\"\n"},
    {"SampleWeights",
     "[loss]\nname = \"cross_entropy\"\nweight = [1, 2, 5]\nsample_weight = \"w\"\n"},
    {"Focal", "[loss]\nname = \"focal\"\n"},
    {"TwoCounts",
     "[[loss.term]]\nname = \"cross_entropy\"\nweight = [1, 2, 5]\ntarget = \"labels\"\n"
     "[[loss.term]]\nname = \"focal\"\nloss_weight = 3\ntarget = \"labels\"\n"},
    {"Penalty", "[loss]\nname = \"cross_entropy\"\nl2 = 0.125\n"},
    {"Mse", "[loss]\nname = \"mse\"\n"},
    {"MseSum", "[loss]\nname = \"mse\"\nreduction = \"sum\"\n"},
    {"Rmse", "[loss]\nname = \"rmse\"\n"},
    {"RmseAndMse",
     "[[loss.term]]\nname = \"rmse\"\ntarget = \"values\"\n"
     "[[loss.term]]\nname = \"mse\"\nloss_weight = 0.5\ntarget = \"values\"\n"},
    {"Dice", "[loss]\nname = \"dice\"\n"},
};

class SetLosses : public testing::Test {
 protected:
  SetLosses() {
    using namespace temper::test;
    namespace e = expected_sets;
    ModelParts parts;
    parts.inputs = {value_info("x", {-1, 2})};
    parts.outputs = {value_info("y", {-1, 3})};
    parts.initializers = {floats("w", {3, 2}, e::kW), floats("b", {3}, e::kB)};
    parts.nodes = {node("Gemm", {"x", "w", "b"}, {"y"}, {int_attribute("transB", 1)}, "fc")};
    std::ofstream(folder_.path("m.onnx"), std::ios::binary) << parts.bytes();
    write_npz(folder_.path("d.npz"),
              {{"x", Tensor::from<float>(DType::kFloat32, {7, 2}, e::kX)},
               {"labels", Tensor::from<std::int64_t>(DType::kInt64, {7}, e::kLabels)},
               {"values", Tensor::from<float>(DType::kFloat32, {7, 3}, e::kValues)},
               {"masks", Tensor::from<float>(DType::kFloat32, {7, 3}, e::kMasks)},
               {"w", Tensor::from<float>(DType::kFloat32, {7}, e::kSampleWeights)}});
  }

  Recipe recipe(const std::string& name, const std::string& target, Lines lines) {
    std::string losses = kRecipes.at(name);
    if (losses.starts_with("[loss]")) {
      losses += "target = \"" + target + "\"\n";
    }
    const std::string path = folder_.path("recipe.toml");
    std::ofstream(path)
        << "[model]\npath = \"m.onnx\"\n[data]\ntrain = \"d.npz\"\nshuffle = false\n"
           "[train]\nthreads = 1\nepochs = 1\n[optimizer]\nname = \"sgd\"\n"
           "lr = 1.0\n[log]\ntensorboard = false\n"
        << losses;
    std::filesystem::remove_all(folder_.path("run"));
    lines.insert(lines.begin(), "train.out=\"" + folder_.path("run") + "\"");
    return read_recipe({path, {}, std::move(lines), false});
  }

  // The parameters after the run, taken from those before it.
  void expect_change(Session& session, const Expected& wanted) {
    const auto check = [&](const char* name, const std::vector<float>& before,
                           const std::vector<double>& change) {
      const VariableStore& store = session.engine().store();
      const std::vector<double> now = store.get(store.find(name)).values<double>();
      for (std::size_t i = 0; i < now.size(); ++i) {
        EXPECT_NEAR(static_cast<double>(before[i]) - now[i], change[i],
                    2e-6 * std::max(1.0, std::abs(change[i])))
            << name << ", element " << i;
      }
    };
    check("w", expected_sets::kW, wanted.dw);
    check("b", expected_sets::kB, wanted.db);
  }

  TempFolder folder_;
};

class SetLossesOf : public SetLosses, public testing::WithParamInterface<Expected> {};

TEST_P(SetLossesOf, EvaluateTheSameInBatchesOfAnySize) {
  const Expected& wanted = GetParam();
  for (const int size : {1, 2, 3, 7}) {
    Session session(recipe(wanted.name, wanted.target, {concat("data.batch_size=", size)}));
    SetMetrics set = make_set_metrics(session, session.recipe().metrics);
    double loss = evaluate_training_rows(session, set).loss;
    if (wanted.name == "Penalty") {  // in training alone
      for (const float w : expected_sets::kW) {
        loss += 0.125 * static_cast<double>(w) * static_cast<double>(w);
      }
    }
    EXPECT_NEAR(loss, wanted.loss, 1e-6 * wanted.loss) << "batches of " << size;
  }
}

TEST_P(SetLossesOf, AccumulateToTheStepOfOneBatchOfAllRows) {
  const Expected& wanted = GetParam();
  for (const int size : {1, 2, 3, 4, 7}) {
    SCOPED_TRACE(concat("micro-batches of ", size));
    Session session(recipe(
        wanted.name, wanted.target,
        {concat("data.batch_size=", size), concat("train.accumulate=", (7 + size - 1) / size)}));
    RunObserver silent;
    const RunResult result = Trainer(session, silent, false).run();
    EXPECT_EQ(result.steps, 1);
    const std::vector<double> losses =
        logged(log_without_speed(result.run_directory + "/metrics.jsonl"), "train/loss");
    ASSERT_EQ(losses.size(), 1u);
    EXPECT_NEAR(losses[0], wanted.loss, 1e-6 * wanted.loss);
    if (wanted.name != "Dice" || size == 7) {  // of an overlap: the mean over the micro-batches
      expect_change(session, wanted);
    }
  }
}

TEST_P(SetLossesOf, AreLoggedForTheWholeEpoch) {
  const Expected& wanted = GetParam();
  for (const int size : {1, 2, 3}) {
    Session session(recipe(wanted.name, wanted.target,
                           {concat("data.batch_size=", size), "optimizer.lr=0", "log.every=2"}));
    RunObserver silent;
    const RunResult result = Trainer(session, silent, false).run();
    const std::vector<double> losses =
        logged(log_without_speed(result.run_directory + "/metrics.jsonl"), "train/loss");
    ASSERT_FALSE(losses.empty());
    EXPECT_NEAR(losses.back(), wanted.loss, 1e-6 * wanted.loss) << "batches of " << size;
    std::ifstream file(result.run_directory + "/history.csv");
    const std::string history((std::istreambuf_iterator<char>(file)), {});
    EXPECT_NE(history.find(concat(",", losses.back())), std::string::npos) << history;
  }
}

INSTANTIATE_TEST_SUITE_P(Losses, SetLossesOf, testing::ValuesIn(expected_sets::kLosses),
                         [](const auto& each) { return each.param.name; });

TEST_F(SetLosses, ByBatchesAreTheMeanOfTheMicroBatches) {
  const Expected& wanted = expected_sets::kByBatches;
  Session session(
      recipe("Ignored", "labels",
             {"data.batch_size=3", "train.accumulate=3", "train.accumulate_by=\"batches\""}));
  RunObserver silent;
  Trainer(session, silent, false).run();
  expect_change(session, wanted);
}

// Rows 4 and 5 have no label that counts.
TEST_F(SetLosses, ABatchOfWhichNothingCountsChangesNothing) {
  Session session(recipe("Ignored", "labels", {"data.batch_size=2", "log.every=1"}));
  RunObserver silent;
  std::vector<std::vector<double>> weights;
  Trainer trainer(session, silent, false);
  trainer.rehearse(4, nullptr, [&](const RehearsedStep& step) {
    EXPECT_TRUE(std::isfinite(step.loss)) << step.step;
    EXPECT_TRUE(step.applied);
    const VariableStore& store = session.engine().store();
    weights.push_back(store.get(store.find("w")).values<double>());
    return true;
  });
  ASSERT_EQ(weights.size(), 4u);
  EXPECT_EQ(weights[2], weights[1]);
  EXPECT_NE(weights[3], weights[2]);
}

}  // namespace
}  // namespace temper::training
