// A Sigmoid, Softmax or LogSoftmax at a model's end decides which loss is inferred, how metrics
// read the output, and which losses are warned of; targets are told apart by their values too.
#include "training/compile/output_end.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>

#include "tests/graph/onnx/wire_writer.h"
#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"
#include "training/analysis/compare.h"
#include "training/analysis/diagnosis.h"
#include "training/formats/npz.h"
#include "training/session/evaluation.h"
#include "training/session/run_metrics.h"

namespace temper::training {
namespace {

using Lines = std::vector<std::string>;

constexpr std::int64_t kRows = 12;

class OutputEnds : public testing::Test {
 protected:
  // y = end(x w scale), of so many outputs; `end` empty: none. `behind`: an op after the end.
  void write_model(const std::string& end, std::int64_t outputs, float scale = 1,
                   const std::string& behind = {}) {
    using namespace temper::test;
    std::vector<float> w = tiny_values(3 * outputs, 1);
    for (float& value : w) {
      value *= scale;
    }
    ModelParts parts;
    parts.inputs = {value_info("x", {-1, 3})};
    parts.outputs = {value_info("y", {-1, outputs})};
    parts.initializers = {floats("w", {3, outputs}, w)};
    const std::string product = end.empty() ? "y" : "z";
    parts.nodes = {node("MatMul", {"x", "w"}, {product}, {}, "fc")};
    if (!end.empty()) {
      const std::vector<Message> axis = end == "Sigmoid"
                                            ? std::vector<Message>{}
                                            : std::vector<Message>{int_attribute("axis", 1)};
      parts.nodes.push_back(node(end.c_str(), {"z"}, {behind.empty() ? "y" : "p"}, axis, "end"));
    }
    if (!behind.empty()) {
      parts.nodes.push_back(node(behind.c_str(), {"p"}, {"y"}, {}, "behind"));
    }
    std::ofstream(folder_.path("m.onnx"), std::ios::binary) << parts.bytes();
  }

  void write_data(Tensor target) {
    write_npz(folder_.path("d.npz"),
              {{"x", Tensor::from<float>(DType::kFloat32, {kRows, 3}, tiny_values(kRows * 3, 2))},
               {"target", std::move(target)}});
  }
  // Values 0, 1, ..., below - 1, in turn.
  static Tensor whole(const Shape& shape, std::int64_t below) {
    std::vector<std::int64_t> values;
    for (std::int64_t i = 0; i < shape.element_count(); ++i) {
      values.push_back(i * 7 % below);
    }
    return Tensor::from<std::int64_t>(DType::kInt64, shape, values);
  }
  static Tensor floats_of(const Tensor& whole, float scale) {
    std::vector<float> values;
    for (const double value : whole.values<double>()) {
      values.push_back(static_cast<float>(value) * scale);
    }
    return Tensor::from<float>(DType::kFloat32, whole.shape(), values);
  }

  Recipe recipe(Lines lines = {}) const {
    Lines all = {"model.path=\"" + folder_.path("m.onnx") + "\"",
                 "data.train=\"" + folder_.path("d.npz") + "\"",
                 "train.out=\"" + folder_.path("run") + "\"",
                 "train.threads=1",
                 "log.tensorboard=false",
                 "data.batch_size=5"};
    all.insert(all.end(), lines.begin(), lines.end());
    return read_recipe({{}, {}, all, false});
  }

  std::string inferred(const std::string& end, std::int64_t outputs, Tensor target) {
    write_model(end, outputs);
    write_data(std::move(target));
    return Session(recipe()).loss_name();
  }

  std::map<std::string, double> evaluated(Lines lines = {}) const {
    lines.emplace_back("metrics.names=[\"all\"]");
    Session session(recipe(lines));
    SetMetrics set = make_set_metrics(session, session.recipe().metrics);
    const Evaluation evaluation = evaluate_training_rows(session, set);
    std::map<std::string, double> values = {{"loss", evaluation.loss}};
    for (const MetricValue& metric : evaluation.metrics) {
      values[metric.name] = metric.value;
    }
    return values;
  }

  std::string warning(const std::string& end, std::int64_t outputs, const std::string& loss) {
    write_model(end, outputs);
    Session session(recipe({"loss.name=" + loss}));
    const std::vector<std::string>& warnings = session.losses().warnings;
    for (const std::string& text : warnings) {
      EXPECT_NE(std::find(session.notes().begin(), session.notes().end(), "warning: " + text),
                session.notes().end());
    }
    return warnings.empty() ? "" : warnings.front();
  }

  TempFolder folder_;
};

TEST_F(OutputEnds, DecideWhichLossIsInferred) {
  const Tensor labels = whole({kRows}, 3);
  EXPECT_EQ(inferred("", 3, labels), "cross_entropy");
  EXPECT_EQ(inferred("Softmax", 3, labels), "nll");
  EXPECT_EQ(inferred("LogSoftmax", 3, labels), "nll");
  EXPECT_EQ(inferred("", 1, whole({kRows, 1}, 2)), "bce_with_logits");
  EXPECT_EQ(inferred("Sigmoid", 1, whole({kRows, 1}, 2)), "bce");
  EXPECT_EQ(inferred("Sigmoid", 1, floats_of(whole({kRows, 1}, 2), 1)), "bce");
  EXPECT_EQ(inferred("Sigmoid", 1, floats_of(whole({kRows, 1}, 2), 0.5f)), "mse");
  EXPECT_EQ(inferred("", 1, floats_of(whole({kRows, 1}, 2), 1)), "mse");
}

TEST_F(OutputEnds, LeaveTheValuesOfWholeNumbersToTellLabelsFromNumbers) {
  EXPECT_EQ(inferred("", 3, whole({kRows, 3}, 2)), "bce_with_logits");
  EXPECT_EQ(inferred("Sigmoid", 3, whole({kRows, 3}, 2)), "bce");
  EXPECT_EQ(inferred("", 3, whole({kRows, 3}, 5)), "mse");
  EXPECT_EQ(inferred("", 1, whole({kRows, 1}, 5)), "mse");
}

TEST_F(OutputEnds, OfManyLabelsAreReadAsProbabilities) {
  write_data(whole({kRows, 3}, 2));
  write_model("", 3);
  const auto logits = evaluated();
  write_model("Sigmoid", 3);
  const auto probabilities = evaluated();
  ASSERT_EQ(logits.size(), probabilities.size());
  EXPECT_TRUE(logits.contains("accuracy") && logits.contains("f1"));
  for (const auto& [name, value] : logits) {
    EXPECT_NEAR(probabilities.at(name), value, 1e-6 * std::abs(value)) << name;
  }
}

// The logits are 9, 18, -9 and -18: their Sigmoid is squashed once.
TEST_F(OutputEnds, ASigmoidIsNotSquashedTwice) {
  using namespace temper::test;
  ModelParts parts;
  parts.inputs = {value_info("x", {-1, 1})};
  parts.outputs = {value_info("y", {-1, 1})};
  parts.initializers = {floats("w", {1, 1}, {9})};
  parts.nodes = {node("MatMul", {"x", "w"}, {"z"}, {}, "fc"),
                 node("Sigmoid", {"z"}, {"y"}, {}, "end")};
  std::ofstream(folder_.path("m.onnx"), std::ios::binary) << parts.bytes();
  write_npz(folder_.path("d.npz"),
            {{"x", Tensor::from<float>(DType::kFloat32, {4, 1}, std::vector<float>{-1, -2, 1, 2})},
             {"target", Tensor::from<std::int64_t>(DType::kInt64, {4, 1},
                                                   std::vector<std::int64_t>{0, 0, 1, 1})}});
  const auto values = evaluated({"data.batch_size=4"});
  const double wanted = (std::log1p(std::exp(-9.0)) + std::log1p(std::exp(-18.0))) / 2;
  EXPECT_NEAR(values.at("loss"), wanted, 1e-3 * wanted);  // float32 probabilities near 1
  EXPECT_EQ(values.at("accuracy"), 1);
}

// Logits of up to 200: probabilities of 0 in float32.
TEST_F(OutputEnds, ASoftmaxsLogarithmComesFromItsLogits) {
  write_data(whole({kRows}, 3));
  for (const float scale : {1.0f, 200.0f}) {
    write_model("", 3, scale);
    const auto logits = evaluated();
    for (const char* end : {"Softmax", "LogSoftmax"}) {
      for (const char* behind : {"", "Identity"}) {
        write_model(end, 3, scale, behind);
        const auto values = evaluated();
        ASSERT_EQ(values.size(), logits.size()) << end;
        for (const auto& [name, value] : logits) {
          if (scale == 1 || name == "loss" || name == "accuracy") {
            EXPECT_NEAR(values.at(name), value, 1e-5 * std::abs(value)) << end << " " << name;
          }
        }
      }
    }
  }
}

TEST_F(OutputEnds, WarnOfLossesThatSquashAgain) {
  write_data(whole({kRows}, 3));
  EXPECT_NE(warning("Softmax", 3, "cross_entropy").find("Softmax (Softmax 'end')"),
            std::string::npos);
  EXPECT_NE(warning("Softmax", 3, "cross_entropy").find("loss.name = \"nll\""), std::string::npos);
  EXPECT_NE(warning("Softmax", 3, "focal").find("without it"), std::string::npos);
  EXPECT_NE(warning("Softmax", 3, "dice").find("loss.activation = \"none\""), std::string::npos);
  EXPECT_EQ(warning("Softmax", 3, "nll"), "");
  EXPECT_EQ(warning("LogSoftmax", 3, "nll"), "");
  EXPECT_EQ(warning("LogSoftmax", 3, "cross_entropy"), "");  // log softmax of it is itself
  EXPECT_EQ(warning("", 3, "cross_entropy"), "");
  write_data(whole({kRows, 3}, 2));
  EXPECT_NE(warning("Sigmoid", 3, "bce_with_logits").find("loss.name = \"bce\""),
            std::string::npos);
  EXPECT_NE(warning("Sigmoid", 3, "multi_label"), "");
  EXPECT_EQ(warning("Sigmoid", 3, "bce"), "");
  EXPECT_EQ(warning("", 3, "bce_with_logits"), "");
}

TEST_F(OutputEnds, AreAFindingOfTheDiagnosisAndANoteOfAComparison) {
  write_data(whole({kRows}, 3));
  write_model("Softmax", 3);
  Session session(recipe({"loss.name=cross_entropy"}), {}, diagnosis_needs());
  DiagnosisOptions options;
  options.steps = 3;
  const Diagnosis diagnosis = diagnose(session, options);
  EXPECT_TRUE(diagnosis.findings.front().problem);
  EXPECT_NE(diagnosis.findings.front().text.find("squashed twice"), std::string::npos);
  RecipeSources base;
  base.overrides = {"model.path=\"" + folder_.path("m.onnx") + "\"",
                    "data.train=\"" + folder_.path("d.npz") + "\"", "train.steps=2",
                    "train.threads=1", "log.tensorboard=false"};
  CompareOptions compared;
  compared.folder = folder_.path("out");
  const Comparison comparison =
      compare_runs(base, {{"twice", {"loss.name=cross_entropy"}}, {"once", {}}}, compared);
  EXPECT_EQ(std::count_if(comparison.notes.begin(), comparison.notes.end(),
                          [](const std::string& note) {
                            return note.starts_with("twice: cross_entropy takes logits");
                          }),
            1);
}

TEST_F(OutputEnds, LossesOfProbabilitiesSayWhenTheyGetLogits) {
  write_data(whole({kRows, 3}, 2));
  write_model("", 3, 5);
  Session session(recipe({"loss.name=bce"}));
  SetMetrics set = make_set_metrics(session, session.recipe().metrics);
  const Evaluation evaluation = evaluate_training_rows(session, set);
  EXPECT_TRUE(std::isnan(evaluation.loss));
  EXPECT_NE(evaluation.trouble.find("bce takes probabilities from 0 to 1"), std::string::npos);
  EXPECT_NE(evaluation.trouble.find("bce_with_logits"), std::string::npos);
  expect_error([&] { run_tiny(recipe({"loss.name=bce", "train.on_nonfinite=\"stop\""}), false); },
               ErrorCode::kDiverged, "non-finite loss", "bce takes probabilities from 0 to 1",
               "bce_with_logits");
}

}  // namespace
}  // namespace temper::training
