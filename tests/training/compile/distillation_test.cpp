// Distillation against PyTorch 2.15 (tools/oracle/distillation.py), and through a run.
#include "training/compile/distillation.h"

#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "backends/reference/reference_backend.h"
#include "graph/ir/builder.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/evaluate.h"
#include "runtime/base/error.h"
#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"
#include "training/losses/loss.h"
#include "training/records/checkpoint.h"
#include "training/records/metrics_log.h"
#include "training/session/run_metrics.h"

namespace temper::training {
namespace {

// scores = input x weight, for two numbers and three classes.
graph::Graph linear_model(const std::vector<double>& weight, const std::string& input) {
  graph::Graph graph(graph::standard_ops());
  const graph::ValueId x = graph.add_input(input, DType::kFloat64, Shape{3, 2});
  graph::Variable variable;
  variable.name = "weight";
  variable.dtype = DType::kFloat64;
  variable.shape = Shape{2, 3};
  variable.trainable = true;
  variable.initial = Tensor::from<double>(DType::kFloat64, variable.shape, weight);
  const graph::VariableId id = graph.add_variable(variable);
  graph::Builder builder(graph, "model");
  graph.add_output("scores", builder.op("MatMul", {x, graph.read_variable(id)}));
  return graph;
}

CompileSettings settings_for(const graph::Graph& teacher) {
  CompileSettings settings;
  LossTermSettings term;
  term.loss = {"cross_entropy", complete_parameters("loss", "cross_entropy",
                                                    find_loss("cross_entropy").parameters, {})};
  settings.losses = {term};
  settings.teacher = {"teacher.onnx", 3.0, 0.7, ""};
  settings.teacher_graph = &teacher;
  return settings;
}

TEST(Distillation, HasPyTorchsLossAndGradient) {
  const graph::Graph student = linear_model({0.3, -0.1, 0.2, 0.4, 0.5, -0.6}, "x");
  const graph::Graph teacher = linear_model({1.0, -1.0, 0.5, -0.5, 0.25, 2.0}, "x");
  const auto backend = reference::make_reference_backend();
  GraphRequest request;
  request.kind = GraphKind::kGradient;
  request.batch = 3;
  request.wrt = {gradient_of(student, "weight")};
  const CompileSettings settings = settings_for(teacher);
  const MadeGraph made = make_graph(student, settings, request, *backend);
  const graph::Graph& joint = made.graph;
  std::map<graph::ValueId, Tensor> known;
  const std::vector<double> inputs = {1.0, -2.0, 0.5, 3.0, -1.0, 0.25};
  const std::vector<std::int64_t> labels = {0, 2, 1};
  known[joint.find_value("x")] = Tensor::from<double>(DType::kFloat64, Shape{3, 2}, inputs);
  known[joint.find_value(kTargetInput)] =
      Tensor::from<std::int64_t>(DType::kInt64, Shape{3}, labels);
  const auto output = [&](int place) {
    return joint.outputs.at(static_cast<std::size_t>(place)).value;
  };
  const GraphPorts& ports = made.ports;
  const auto values =
      graph::evaluate(joint, *backend, known,
                      {output(ports.loss), output(ports.loss_sums.at(0)),
                       output(ports.loss_sums.at(1)), output(ports.gradients.at(0).output)});
  const auto mean = [&](std::size_t i) {
    const std::vector<double> sums = values[i].values<double>();
    return sums.at(0) / sums.at(1);
  };
  EXPECT_NEAR(values[0].values<double>()[0], 3.9869312063429132, 1e-12);
  EXPECT_NEAR(mean(1), 2.2403064775059929, 1e-12);
  EXPECT_NEAR(mean(2), 4.7354846615587363, 1e-12);
  const std::vector<double> expected = {-0.3312235532236689, 0.2668303902528052,
                                        0.06439316297086378, 1.6372111163487229,
                                        0.7727649532720019,  -2.409976069620725};
  const std::vector<double> gradient = values[3].values<double>();
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(gradient[i], expected[i], 1e-12) << i;
  }
}

TEST(Distillation, RefusesATeacherOfOtherClasses) {
  const graph::Graph student = linear_model({0.3, -0.1, 0.2, 0.4, 0.5, -0.6}, "x");
  CompileSettings settings = settings_for(student);
  settings.teacher.output = "logits";
  const auto backend = reference::make_reference_backend();
  GraphRequest request;
  request.batch = 3;
  request.kind = GraphKind::kGradient;
  request.wrt = {gradient_of(student, "weight")};
  expect_error([&] { make_graph(student, settings, request, *backend); },
               ErrorCode::kInvalidArgument, "the teacher has no output 'logits'", "scores");
}

TEST(Distillation, TrainsTheModelAndNotTheTeacher) {
  const TempFolder folder;
  RecipeSources sources;
  sources.file = TEMPER_SOURCE_DIR "/models/digits/digits.toml";
  sources.overrides = {"train.out=\"" + folder.path("out") + "\"",
                       "log.tensorboard=false",
                       "log.charts=false",
                       "log.every=1",
                       "train.steps=4",
                       "loss.teacher.model=\"" TEMPER_SOURCE_DIR "/models/digits/digits.onnx\""};
  const RunRecord run = run_tiny(read_recipe(sources), false);
  EXPECT_EQ(run.result.steps, 4);
  int lines = 0;
  read_metrics(folder.path("out") + "/metrics.jsonl", [&](const LoggedStep& step) {
    for (const Metric& metric : step.metrics) {
      if (metric.name == "train/loss/distillation") {
        ++lines;
        EXPECT_TRUE(std::isfinite(metric.value));
        // The teacher is the model as it began: at first they differ by BatchNorm's mode alone.
        EXPECT_GE(metric.value, 0);
      }
    }
  });
  EXPECT_EQ(lines, 4);
}

// A run of the digits with a teacher of its own.
class TaughtRun : public testing::Test {
 protected:
  TaughtRun() { place_teacher("digits.onnx"); }

  // Under the student's name, so that its external data is found.
  void place_teacher(const std::string& model) const {
    const auto copied = std::filesystem::copy_options::overwrite_existing;
    const std::string from = TEMPER_SOURCE_DIR "/models/digits/" + model;
    std::filesystem::copy_file(from, folder_.path(model), copied);
    std::filesystem::copy_file(from + ".data", folder_.path(model + ".data"), copied);
  }

  Recipe recipe(const std::string& out) const {
    RecipeSources sources;
    sources.file = TEMPER_SOURCE_DIR "/models/digits/digits.toml";
    sources.overrides = {"train.out=\"" + folder_.path(out) + "\"",
                         "log.tensorboard=false",
                         "log.charts=false",
                         "train.steps=6",
                         "train.threads=1",
                         "checkpoint.every=2",
                         "loss.teacher.model=\"" + folder_.path("digits.onnx") + "\""};
    return read_recipe(sources);
  }

  TempFolder folder_;
};

TEST_F(TaughtRun, SavesNoTensorOfTheTeacherAndResumesWithTheSameBits) {
  const RunRecord whole = run_tiny(recipe("whole"), false);
  run_tiny(recipe("cut"), false, [](const StepView& view) { return view.progress.step == 3; });
  std::vector<std::string> notes;
  const SavedTensors saved = read_newest_checkpoint(folder_.path("cut"), notes);
  int files = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(folder_.path("cut/checkpoints"))) {
    if (entry.path().extension() == ".safetensors") {
      ++files;
      EXPECT_EQ(read_bytes(entry.path()).find(kTeacherPrefix), std::string::npos) << entry.path();
    }
  }
  EXPECT_GE(files, 2);
  EXPECT_TRUE(saved.state.files.contains("loss.teacher.model"));
  // By the recipe of the run directory, which names the teacher wherever it is read.
  const Recipe written = read_recipe({folder_.path("cut/recipe.toml"), {}, {}, false});
  EXPECT_EQ(run_tiny(written, true).variables, whole.variables);
}

TEST_F(TaughtRun, ItsPartsCanBeMonitored) {
  const Session session(recipe("unused"));
  const std::vector<std::string> names = monitor_names(session);
  for (const char* part : {"train/loss/hard", "train/loss/distillation"}) {
    EXPECT_NE(std::find(names.begin(), names.end(), part), names.end()) << part;
  }
}

TEST_F(TaughtRun, GoesOnWithTheSameTeacherOnly) {
  const auto stop = [](const StepView& view) { return view.progress.step == 3; };
  run_tiny(recipe("cut"), false, stop);
  // One byte of a weight, which lies in the file beside the model.
  std::fstream data(folder_.path("digits.onnx.data"),
                    std::ios::binary | std::ios::in | std::ios::out);
  data.seekp(64);
  data.put('\x01');
  data.close();
  expect_error([&] { run_tiny(recipe("cut"), true); }, ErrorCode::kInvalidArgument,
               "loss.teacher.model", "differs from what this run began with", "put it back");
  place_teacher("digits.onnx");
  EXPECT_EQ(run_tiny(recipe("cut"), true).result.steps, 6);
}

TEST(Distillation, NeedsATeacherForItsSettings) {
  RecipeSources sources;
  sources.overrides = {"loss.teacher.alpha=0.9"};
  expect_error([&] { read_recipe(sources); }, ErrorCode::kInvalidArgument, "loss.teacher.alpha",
               "needs loss.teacher.model");
}

}  // namespace
}  // namespace temper::training
