// The diagnosis: its figures in closed form, what it says of healthy and of broken models, and that
// nothing stays changed.
#include "training/analysis/diagnosis.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "tests/graph/onnx/wire_writer.h"
#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"
#include "training/formats/npz.h"

namespace temper::training {
namespace {

// y = act(x w + b) v, of four inputs, eight units and one output.
void write_model(const std::string& path, const char* activation, float weight, float bias) {
  using namespace temper::test;
  std::vector<float> w = tiny_values(32, 1);
  for (float& value : w) {
    value *= weight;
  }
  ModelParts parts;
  parts.inputs = {value_info("x", {-1, 4})};
  parts.outputs = {value_info("y", {-1, 1})};
  parts.initializers = {floats("w", {4, 8}, w), floats("b", {8}, std::vector<float>(8, bias)),
                        floats("v", {8, 1}, tiny_values(8, 2))};
  parts.nodes = {node("Gemm", {"x", "w", "b"}, {"h"}, {}, "first"),
                 node(activation, {"h"}, {"a"}, {}, "act"),
                 node("MatMul", {"a", "v"}, {"y"}, {}, "last")};
  std::ofstream(path, std::ios::binary) << parts.bytes();
}

class DiagnosisTest : public testing::Test {
 protected:
  DiagnosisTest() {
    write_npz(folder_.path("d.npz"),
              {{"x", Tensor::from<float>(DType::kFloat32, {64, 4}, tiny_values(256, 3))},
               {"target", Tensor::from<float>(DType::kFloat32, {64, 1}, tiny_values(64, 4))}});
  }

  Diagnosis of(const char* activation, float weight, float bias,
               std::vector<std::string> lines = {}) {
    write_model(folder_.path("m.onnx"), activation, weight, bias);
    lines.insert(lines.begin(), {"loss.name=mse", "data.batch_size=16"});
    Session session(
        tiny_recipe(folder_.path("m.onnx"), folder_.path("d.npz"), folder_.path("run"), lines), {},
        diagnosis_needs());
    DiagnosisOptions options;
    options.steps = 20;
    return diagnose(session, options);
  }

  TempFolder folder_;
};

// The findings that are problems, one a line.
std::string problems(const Diagnosis& diagnosis) {
  std::string text;
  for (const Finding& finding : diagnosis.findings) {
    text += finding.problem ? concat(finding.subject, ": ", finding.text, "\n") : "";
  }
  return text;
}

bool says(const Diagnosis& diagnosis, const char* part) {
  return problems(diagnosis).find(part) != std::string::npos;
}

TEST(ActivationStats, CountOverAllBatches) {
  ActivationStats stats({"Relu", "r", 1, {}, -1, graph::Activation::kRelu});
  stats.add(std::vector<float>{1, 0, 0, 3, 0, 0}, {2, 3}, 0);
  stats.add(std::vector<float>{2, 0, 0}, {1, 3}, 1);
  EXPECT_DOUBLE_EQ(stats.mean(), 6.0 / 9);
  EXPECT_DOUBLE_EQ(stats.deviation(), std::sqrt(14.0 / 9 - 36.0 / 81));
  EXPECT_DOUBLE_EQ(stats.zero_share(), 6.0 / 9);
  EXPECT_EQ(stats.units(), 3);
  EXPECT_EQ(stats.dead(), 2);
  EXPECT_EQ(stats.idle_since(1), 2);
  EXPECT_EQ(stats.idle_since(2), 3) << "the first unit was last active at step 1";
}

TEST(ActivationStats, UnitsOfPicturesAreChannelsAndSaturationIsOfSigmoidAndTanh) {
  ActivationStats relu({"Relu", "r", 1, {}, -1, graph::Activation::kRelu});
  relu.add(std::vector<float>{0, 1, 0, 0}, {1, 2, 2, 1}, 0);
  EXPECT_EQ(relu.units(), 2);
  EXPECT_EQ(relu.dead(), 1);
  ActivationStats tanh({"Tanh", "t", 1, {}, -1, graph::Activation::kTanh});
  tanh.add(std::vector<float>{-1, 0, 0.995f, std::nanf("")}, {1, 4}, 0);
  EXPECT_DOUBLE_EQ(tanh.saturated_share(), 0.5);
  EXPECT_DOUBLE_EQ(tanh.not_finite_share(), 0.25);
  EXPECT_FALSE(tanh.can_die());
}

TEST(Distribution, HasEveryFiniteValueInABucket) {
  const Distribution made = distribution_of(std::vector<float>{-1, 0, 0, 2, std::nanf("")});
  EXPECT_DOUBLE_EQ(made.mean, 0.25);
  double sum = 0;
  for (const double count : made.counts) {
    sum += count;
  }
  EXPECT_EQ(sum, 4);
  EXPECT_EQ(made.counts.front(), 1);
  EXPECT_EQ(made.counts.back(), 1);
  EXPECT_EQ(made.edges.size(), made.counts.size() + 1);
}

// y = w x with x = 1 and target 0: the gradient is 2 w, a step of SGD takes 2 lr of w.
TEST(Diagnosis, FollowsTheClosedFormOnAQuadraticAndPutsEverythingBack) {
  using namespace temper::test;
  const TempFolder folder;
  ModelParts parts;
  parts.inputs = {value_info("x", {-1, 1})};
  parts.outputs = {value_info("y", {-1, 1})};
  parts.initializers = {floats("w", {1, 1}, {1.5f})};
  parts.nodes = {node("MatMul", {"x", "w"}, {"y"}, {}, "line")};
  std::ofstream(folder.path("q.onnx"), std::ios::binary) << parts.bytes();
  write_npz(folder.path("q.npz"),
            {{"x", Tensor::from<float>(DType::kFloat32, {8, 1}, std::vector<float>(8, 1))},
             {"target", Tensor::from<float>(DType::kFloat32, {8, 1}, std::vector<float>(8, 0))}});
  Session session(tiny_recipe(folder.path("q.onnx"), folder.path("q.npz"), folder.path("run"),
                              {"loss.name=mse", "optimizer.name=sgd", "optimizer.lr=0.002",
                               "train.accumulate=2"}),
                  {}, diagnosis_needs());
  DiagnosisOptions options;
  options.steps = 10;
  const Diagnosis diagnosis = diagnose(session, options);
  ASSERT_EQ(diagnosis.tensors.size(), 1u);
  double w = 1.5;
  for (std::size_t i = 0; i < 10; ++i) {
    EXPECT_NEAR(diagnosis.tensors[0].gradient_norms[i], 2 * w, 1e-5) << i;
    EXPECT_NEAR(diagnosis.tensors[0].weight_norms[i], w, 1e-5) << i;
    EXPECT_NEAR(diagnosis.tensors[0].update_ratios[i], 0.004, 1e-6) << i;
    w *= 1 - 0.004;
  }
  EXPECT_EQ(problems(diagnosis), "");
  const VariableStore& store = session.engine().store();
  EXPECT_EQ(store.get(store.find("w")).values<float>().front(), 1.5f);
  EXPECT_FALSE(std::filesystem::exists(folder.path("run"))) << "nothing was written";
}

TEST_F(DiagnosisTest, SaysThatNothingStandsOutInAHealthyRun) {
  const Diagnosis diagnosis = of("Tanh", 0.5f, 0, {"optimizer.lr=0.001"});
  EXPECT_EQ(problems(diagnosis), "");
  ASSERT_EQ(diagnosis.layers.size(), 3u);
  EXPECT_EQ(diagnosis.layers[1].layer().op, "Tanh");
  EXPECT_EQ(diagnosis.layers[1].layer().name, "act");
  EXPECT_NE(diagnosis.findings.back().text.find("nothing stands out"), std::string::npos)
      << diagnosis.findings.back().text;
}

TEST_F(DiagnosisTest, FindsDeadUnitsAndTheTensorsBehindThem) {
  const Diagnosis diagnosis = of("Relu", 1, -100);
  EXPECT_TRUE(says(diagnosis, "dead units: ReLU units that no sample of 20 steps activates: act 8"))
      << problems(diagnosis);
  EXPECT_TRUE(says(diagnosis, "get no gradient at all")) << problems(diagnosis);
}

TEST_F(DiagnosisTest, FindsSaturatedActivations) {
  const Diagnosis diagnosis = of("Sigmoid", 1, 60);
  EXPECT_TRUE(says(diagnosis, "saturated, so that hardly any gradient passes: act 100 %"))
      << problems(diagnosis);
}

TEST_F(DiagnosisTest, FindsRatesThatAreTooHighAndTooLow) {
  const Diagnosis high = of("Tanh", 0.5f, 0, {"optimizer.lr=10"});
  EXPECT_TRUE(says(high, "changes weights by a large part of themselves")) << problems(high);
  EXPECT_TRUE(says(high, "the loss rises")) << problems(high);
  const Diagnosis low = of("Tanh", 0.5f, 0, {"optimizer.lr=1e-12"});
  EXPECT_TRUE(says(low, "hardly change these weights")) << problems(low);
}

TEST_F(DiagnosisTest, TellsWhereARunThatIsNotFiniteEnds) {
  const Diagnosis diagnosis =
      of("Relu", 1, 0, {"optimizer.name=sgd", "optimizer.lr=1e30", "train.on_nonfinite=\"stop\""});
  EXPECT_TRUE(says(diagnosis, "the steps ended early")) << problems(diagnosis);
  EXPECT_LT(diagnosis.steps, 20);
}

TEST_F(DiagnosisTest, NamesWhatIsFrozenAndWhy) {
  const Diagnosis diagnosis = of("Tanh", 0.5f, 0, {"model.freeze=[\"w\"]"});
  ASSERT_EQ(diagnosis.frozen.size(), 1u);
  EXPECT_EQ(diagnosis.frozen[0].name, "w");
  EXPECT_EQ(diagnosis.frozen[0].why, "frozen by model.freeze");
  EXPECT_EQ(diagnosis.tensors.size(), 2u);
}

TEST_F(DiagnosisTest, LooksIntoMixedPrecisionToo) {
  const Diagnosis diagnosis = of("Tanh", 0.5f, 0, {"train.precision=bf16", "optimizer.lr=0.001"});
  EXPECT_EQ(problems(diagnosis), "");
  EXPECT_EQ(diagnosis.layers.size(), 3u);
  EXPECT_GT(diagnosis.layers[1].deviation(), 0);
}

TEST(DiagnosisFindings, TellOfVanishingAndExplodingGradients) {
  Diagnosis diagnosis;
  diagnosis.steps = 4;
  diagnosis.losses = {1, 1, 1, 1};
  diagnosis.gradient_norms = {2, 2, 2, 2};
  TensorDiagnosis first;
  first.name = "first.weight";
  first.shape = {10, 10};
  first.gradient_norms = {1e-6, 1e-6, 1e-6, 1e-6};
  TensorDiagnosis last = first;
  last.name = "last.weight";
  last.gradient_norms = {2, 2, 2, 2};
  diagnosis.tensors = {first, last};
  judge(diagnosis);
  EXPECT_TRUE(says(diagnosis,
                   "gradients vanish: per element they are 5e-07 times those of "
                   "last.weight in first.weight"))
      << problems(diagnosis);
  diagnosis.findings.clear();
  diagnosis.tensors = {last};
  diagnosis.tensors[0].gradient_norms = {2, 2e4, 3e5, 2};
  judge(diagnosis);
  EXPECT_TRUE(says(diagnosis, "gradients explode: norms up to 3e+05 in last.weight"))
      << problems(diagnosis);
}

}  // namespace
}  // namespace temper::training
