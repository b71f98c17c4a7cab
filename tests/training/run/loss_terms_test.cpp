// Losses of several outputs, weights of samples and classes, and penalties: against PyTorch, from
// data files of several kinds, in the log, and what is refused.
#include "tests/training/expected/loss_terms.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <set>

#include "runtime/base/error.h"
#include "tests/graph/onnx/wire_writer.h"
#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"
#include "training/analysis/gradients.h"
#include "training/formats/json.h"
#include "training/formats/npz.h"
#include "training/session/run_metrics.h"

namespace temper::training {
namespace {

namespace expected = expected_terms;

constexpr const char* kBoth =
    "[[loss.term]]\nname = \"cross_entropy\"\noutput = \"scores\"\ntarget = \"label\"\n"
    "class_weight = \"balanced\"\n"
    "[[loss.term]]\nname = \"mse\"\noutput = \"value\"\ntarget = \"price\"\nloss_weight = 0.5\n";

class LossTerms : public testing::Test {
 protected:
  LossTerms() {
    using namespace temper::test;
    ModelParts parts;
    parts.inputs = {value_info("x", {-1, 3})};
    parts.outputs = {value_info("scores", {-1, 3}), value_info("value", {-1, 1})};
    parts.initializers = {floats("w1", {3, 3}, expected::kW1), floats("b1", {3}, expected::kB1),
                          floats("w2", {1, 3}, expected::kW2), floats("b2", {1}, expected::kB2)};
    const std::vector<Message> transposed = {int_attribute("transB", 1)};
    parts.nodes = {node("Gemm", {"x", "w1", "b1"}, {"scores"}, transposed, "first"),
                   node("Gemm", {"x", "w2", "b2"}, {"value"}, transposed, "second")};
    std::ofstream(folder_.path("two.onnx"), std::ios::binary) << parts.bytes();
    write_npz(folder_.path("data.npz"),
              {{"x", Tensor::from<float>(DType::kFloat32, {8, 3}, expected::kX)},
               {"label", Tensor::from<std::int64_t>(DType::kInt64, {8}, expected::kLabels)},
               {"price", Tensor::from<float>(DType::kFloat32, {8, 1}, expected::kPrice)},
               {"w", Tensor::from<float>(DType::kFloat32, {8}, expected::kSampleWeights)}});
  }

  Recipe recipe(const std::string& losses, std::vector<std::string> lines = {}) {
    const std::string path = folder_.path("recipe.toml");
    std::ofstream(path) << "[model]\npath = \"two.onnx\"\n[data]\ntrain = \"data.npz\"\n"
                           "[train]\nthreads = 1\n"
                        << losses;
    lines.insert(lines.begin(), "train.out=\"" + folder_.path("run") + "\"");
    return read_recipe({path, {}, std::move(lines), false});
  }

  void expect_sum(const Recipe& settings, const expected::Sum& sum) {
    const Gradients made = compute_gradients(settings, {});
    EXPECT_NEAR(made.loss, sum.loss, 1e-5 * sum.loss);
    const std::vector<std::string> names = {"w1", "b1", "w2", "b2"};
    ASSERT_EQ(made.tensors.size(), names.size());
    for (const auto& [name, tensor] : made.tensors) {
      const auto place = std::find(names.begin(), names.end(), name) - names.begin();
      const std::vector<double>& wanted = sum.gradients[static_cast<std::size_t>(place)];
      const std::vector<double> values = tensor.values<double>();
      ASSERT_EQ(values.size(), wanted.size()) << name;
      for (std::size_t i = 0; i < wanted.size(); ++i) {
        EXPECT_NEAR(values[i], wanted[i], 1e-5 * std::max(1.0, std::abs(wanted[i])))
            << name << ", element " << i;
      }
    }
  }

  std::string problem(const std::string& losses) {
    try {
      compute_gradients(recipe(losses), {});
    } catch (const Error& error) {
      return error.message();
    }
    return "no error";
  }

  // Lines of the log by the keys they have.
  std::vector<std::map<std::string, double>> log() {
    std::ifstream file(folder_.path("run/metrics.jsonl"));
    std::vector<std::map<std::string, double>> lines;
    for (std::string text; std::getline(file, text);) {
      const JsonValue line = parse_json(text, "metrics.jsonl");
      lines.emplace_back();
      for (const JsonMember& member : line.as_object("a line")) {
        if (member.key.find('/') != std::string::npos) {
          lines.back()[member.key] = member.value.as_double(member.key);
        }
      }
    }
    return lines;
  }

  TempFolder folder_;
};

TEST_F(LossTerms, TwoOutputsAddUpAsInPyTorchWithBalancedClasses) {
  expect_sum(recipe(kBoth), expected::kBoth);
}

TEST_F(LossTerms, SampleWeightsOfTheDataAreFactors) {
  expect_sum(recipe("[loss]\nsample_weight = \"w\"\n"
                    "[[loss.term]]\nname = \"cross_entropy\"\ntarget = \"label\"\n"
                    "[[loss.term]]\nname = \"mse\"\noutput = \"value\"\ntarget = \"price\"\n"
                    "loss_weight = 2.0\n"),
             expected::kWeighted);
}

TEST_F(LossTerms, PenaltiesLeaveBiasesOut) {
  expect_sum(recipe("[loss]\nname = \"cross_entropy\"\ntarget = \"label\"\nl1 = 0.01\nl2 = 0.02\n"),
             expected::kPenalised);
}

TEST_F(LossTerms, PenaltiesOfNamedTensors) {
  const double plain =
      compute_gradients(recipe("[loss]\nname = \"cross_entropy\"\ntarget = \"label\"\n"), {}).loss;
  const double with = compute_gradients(recipe("[loss]\nname = \"cross_entropy\"\n"
                                               "target = \"label\"\nl1 = 0.5\npenalize = \"b*\"\n"),
                                        {})
                          .loss;
  double sum = 0;
  for (const auto& values : {expected::kB1, expected::kB2}) {
    for (const float value : values) {
      sum += std::abs(value);
    }
  }
  EXPECT_NEAR(with - plain, 0.5 * sum, 1e-5);
}

TEST_F(LossTerms, AreTheSameFromTheColumnsOfATable) {
  std::ofstream csv(folder_.path("data.csv"));
  csv << "a,b,c,label,price,w\n";
  for (std::size_t row = 0; row < 8; ++row) {
    for (std::size_t i = 0; i < 3; ++i) {
      csv << expected::kX[row * 3 + i] << ",";
    }
    csv << expected::kLabels[row] << "," << expected::kPrice[row] << ","
        << expected::kSampleWeights[row] << "\n";
  }
  csv.close();
  const std::string table = "data.train=\"" + folder_.path("data.csv") + "\"";
  const std::string as_written = "data.standardize=false";
  expect_sum(recipe(kBoth, {table, as_written, "data.drop=[\"w\"]"}), expected::kBoth);
  expect_sum(recipe("[loss]\nsample_weight = \"w\"\n"
                    "[[loss.term]]\nname = \"cross_entropy\"\ntarget = \"label\"\n"
                    "[[loss.term]]\nname = \"mse\"\noutput = \"value\"\ntarget = \"price\"\n"
                    "loss_weight = 2.0\n",
                    {table, as_written}),
             expected::kWeighted);
}

TEST_F(LossTerms, EachPartIsInTheLogAndResumesWithTheSameBits) {
  const std::string losses = std::string(kBoth) + "[loss]\nl2 = 0.001\n";
  const std::vector<std::string> lines = {
      "train.epochs=3",   "data.batch_size=3",
      "log.every=2",      "data.val=\"" + folder_.path("data.npz") + "\"",
      "log.charts=false", "log.tensorboard=false"};
  const RunRecord whole = run_tiny(recipe(losses, lines), false);
  bool trained = false;
  bool validated = false;
  for (const auto& line : log()) {
    if (line.contains("train/loss")) {
      trained = true;
      EXPECT_NEAR(line.at("train/loss"),
                  line.at("train/loss/cross_entropy") + 0.5 * line.at("train/loss/mse") +
                      line.at("train/loss/l2"),
                  1e-5);
    }
    if (line.contains("val/loss")) {
      validated = true;
      EXPECT_FALSE(line.contains("val/loss/l2"));
      EXPECT_NEAR(line.at("val/loss"),
                  line.at("val/loss/cross_entropy") + 0.5 * line.at("val/loss/mse"), 1e-5);
      EXPECT_TRUE(line.contains("val/accuracy"));
    }
  }
  EXPECT_TRUE(trained && validated);
  std::vector<std::string> cut = lines;
  cut.push_back("train.out=\"" + folder_.path("cut") + "\"");
  run_tiny(recipe(losses, cut), false,
           [](const StepView& view) { return view.progress.step == 5; });
  EXPECT_EQ(run_tiny(recipe(losses, cut), true).variables, whole.variables);
}

TEST_F(LossTerms, AnyPartInTheLogDecidesWhichModelIsBest) {
  const std::string losses = std::string(kBoth) + "[loss]\nl2 = 0.001\n";
  std::vector<std::string> lines = {
      "train.epochs=4",   "data.batch_size=8",     "optimizer.lr=0.3",
      "log.charts=false", "log.tensorboard=false", "data.val=\"" + folder_.path("data.npz") + "\""};
  lines.emplace_back("checkpoint.monitor=val/loss/mse");
  const RunRecord run = run_tiny(recipe(losses, lines), false);
  double least = 1e9;
  std::set<std::string> logged;
  for (const auto& line : log()) {
    for (const auto& [name, value] : line) {
      if (name.find("/loss") != std::string::npos) {
        logged.insert(name);
      }
    }
    if (line.contains("val/loss/mse")) {
      least = std::min(least, line.at("val/loss/mse"));
    }
  }
  EXPECT_EQ(run.result.monitor, "val/loss/mse");
  EXPECT_NEAR(run.result.best_metric, least, 1e-9);
  const Session session(recipe(losses, lines));
  std::set<std::string> known;
  for (const std::string& name : monitor_names(session)) {
    if (name.find("/loss") != std::string::npos) {
      known.insert(name);
    }
  }
  EXPECT_EQ(known, logged);

  lines.back() = "checkpoint.monitor=train/loss/l2";
  lines.push_back("train.out=\"" + folder_.path("second") + "\"");
  EXPECT_GT(run_tiny(recipe(losses, lines), false).result.best_metric, 0);
  lines[lines.size() - 2] = "checkpoint.monitor=val/loss/l2";
  lines.back() = "train.out=\"" + folder_.path("third") + "\"";
  expect_error([&] { run_tiny(recipe(losses, lines), false); }, ErrorCode::kInvalidArgument,
               "checkpoint.monitor is \"val/loss/l2\"", "train/loss/l2", "val/loss/cross_entropy");
}

TEST_F(LossTerms, ReadBackFromTheirText) {
  const Recipe first = recipe(std::string(kBoth) + "label = \"price error\"\n[loss]\nl1 = 0.5\n");
  const std::string text = to_toml(first);
  std::ofstream(folder_.path("again.toml")) << text;
  EXPECT_EQ(to_toml(read_recipe({folder_.path("again.toml"), {}, {}, false})), text);
}

TEST_F(LossTerms, OneArrayServesTwoLossesInTwoForms) {
  const std::string twice =
      "[[loss.term]]\nname = \"cross_entropy\"\ntarget = \"label\"\n"
      "[[loss.term]]\nname = \"l1\"\noutput = \"value\"\ntarget = \"label\"\n";
  EXPECT_EQ(problem(twice), "no error");
}

TEST_F(LossTerms, RefuseWhatDoesNotGoTogether) {
  const auto has = [&](const std::string& losses, const std::string& text) {
    const std::string message = problem(losses);
    EXPECT_NE(message.find(text), std::string::npos) << message << " for " << losses;
  };
  has(std::string(kBoth) + "[loss]\nname = \"mse\"\n",
      "loss.name is set, but the recipe has [[loss.term]]");
  has("[loss]\nname = \"cross_entropy\"\ntarget = \"labels\"\n",
      "no array for the target 'labels'");
  has("[loss]\nname = \"mse\"\noutput = \"values\"\ntarget = \"price\"\n",
      "no output 'values' (it has scores, value)");
  has("[loss]\nname = \"mse\"\noutput = \"value\"\ntarget = \"price\"\nclass_weight = "
      "\"balanced\"\n",
      "class_weight is set, but mse has no class weights");
  has("[loss]\nname = \"cross_entropy\"\ntarget = \"label\"\nclass_weight = \"balanced\"\n"
      "weight = [1.0, 2.0, 3.0]\n",
      "weight and class_weight are both set");
  has("[loss]\nname = \"cross_entropy\"\ntarget = \"label\"\nsample_weight = \"x\"\n",
      "must be one number per sample");
  has("[loss]\npenalize = \"*\"\n", "needs loss.l1 or loss.l2");
  has("[loss]\nname = \"cosine_embedding\"\noutput = [\"scores\", \"scores\"]\ntarget = \"x\"\n",
      "needs one number per sample; 'x' of");
}

}  // namespace
}  // namespace temper::training
