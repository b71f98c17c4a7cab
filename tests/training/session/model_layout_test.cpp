// Models whose samples do not lie along the first dimension: losses and gradients are PyTorch's,
// predictions have a row for each sample, and what a model is taken for is said.
#include "training/session/model_layout.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "tests/graph/onnx/symbolic_info.h"
#include "tests/graph/onnx/wire_writer.h"
#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"
#include "training/analysis/gradients.h"
#include "training/analysis/inspection.h"
#include "training/analysis/prediction.h"
#include "training/formats/npz.h"
#include "training/run/trainer.h"
#include "training/session/evaluation.h"
#include "training/session/run_metrics.h"

namespace temper::training {
namespace {

using Words = std::vector<std::string>;

std::string file(const std::string& name) { return fixture("layout/" + name); }

Recipe recipe_of(const std::string& name, const Words& lines = {}) {
  RecipeSources sources;
  sources.overrides = {"model.path=\"" + file(name + ".onnx") + "\"",
                       "data.train=\"" + file(name + ".npz") + "\"", "train.threads=1"};
  sources.overrides.insert(sources.overrides.end(), lines.begin(), lines.end());
  return read_recipe(sources);
}

bool has_note(const Words& notes, const std::string& part) {
  return std::any_of(notes.begin(), notes.end(),
                     [&](const std::string& note) { return note.find(part) != std::string::npos; });
}

// Loss and gradients of PyTorch, by the names of the file.
Gradients expect_pytorch(const std::string& name, const Words& lines) {
  const Gradients made = compute_gradients(recipe_of(name, lines), {});
  const NpzFile expected(file(name + "_expected.npz"));
  EXPECT_NEAR(made.loss, expected.read("loss").values<double>().front(), 1e-12);
  EXPECT_EQ(made.tensors.size() + 1, expected.names().size());
  for (const auto& [tensor, gradient] : made.tensors) {
    const std::vector<double> ours = gradient.values<double>();
    const std::vector<double> theirs = expected.read(tensor).values<double>();
    EXPECT_EQ(ours.size(), theirs.size()) << tensor;
    double worst = 0;
    for (std::size_t i = 0; i < std::min(ours.size(), theirs.size()); ++i) {
      worst = std::max(worst, std::abs(ours[i] - theirs[i]));
    }
    EXPECT_LT(worst, 1e-12) << tensor;
  }
  return made;
}

TEST(ModelLayout, StatesAndTimeMajorInputsAndOutputsAreAsInPyTorch) {
  const Gradients made = expect_pytorch("states", {"loss.name=mse", "loss.output=y"});
  EXPECT_TRUE(has_note(
      made.notes, "input h0 [2,batch,2]: state, batch at axis 1 (dimension 1 is named 'batch'"));
  EXPECT_TRUE(has_note(made.notes, "output y: batch at axis 1"));
}

TEST(ModelLayout, AFixedBatchOfOneIsChangedInStatesToo) {
  const Gradients made = expect_pytorch("states_fixed", {"loss.name=mse", "loss.output=hn"});
  EXPECT_TRUE(has_note(made.notes, "input h0 [2,1,2]: state, batch at axis 1 (feeds the state of"));
  EXPECT_TRUE(has_note(made.notes, "the states h0, c0 are zeros"));
}

TEST(ModelLayout, AClassForEachStepOfTimeMajorScores) {
  expect_pytorch("time_major", {"loss.name=cross_entropy", "loss.class_axis=-1"});
}

TEST(ModelLayout, ARecurrentOperatorTellsWhereTheSamplesLie) {
  const Gradients made =
      expect_pytorch("time_major_fixed", {"loss.name=cross_entropy", "loss.class_axis=-1"});
  EXPECT_TRUE(has_note(made.notes, "input x [5,4,3]: batch at axis 1 (GRU"));
  const Prediction whole = predict(recipe_of("time_major_fixed", {"data.batch_size=4"}));
  const Prediction parts = predict(recipe_of("time_major_fixed", {"data.batch_size=3"}));
  EXPECT_EQ(whole.outputs[0].second.shape(), (Shape{4, 5, 3}));
  EXPECT_EQ(whole.outputs[0].second.values<double>(), parts.outputs[0].second.values<double>());
  expect_error([] { predict(recipe_of("time_major_fixed", {"model.output.scores.batch_axis=0"})); },
               ErrorCode::kInvalidArgument, "but the output is [5,2,3] for 2 samples");
}

TEST(ModelLayout, RowsOfAllSamplesBecomeRowsOfEach) {
  expect_pytorch("flat", {"loss.name=cross_entropy", "loss.class_axis=-1"});
}

TEST(ModelLayout, RowsOfStepsNeedToBeSaid) {
  const Words loss = {"loss.name=cross_entropy", "loss.class_axis=-1"};
  expect_error([&] { compute_gradients(recipe_of("flat_time", loss), {}); },
               ErrorCode::kInvalidArgument, "model.output.scores.flatten");
  expect_pytorch("flat_time", {"loss.name=cross_entropy", "loss.class_axis=-1",
                               "model.output.scores.flatten=time_batch"});
}

TEST(ModelLayout, InputsWithoutSamplesHaveAValue) {
  expect_error([] { compute_gradients(recipe_of("scaled", {"loss.name=mse"}), {}); },
               ErrorCode::kInvalidArgument, "'scale' is a single number",
               "model.input.scale.value = 0");
  const std::string table = file("scaled_table.npy");
  expect_pytorch(
      "scaled", {"loss.name=mse", "model.input.scale.value=0.5", "model.input.table.value=" + table,
                 "model.input.table.batch_axis=none"});
}

TEST(ModelLayout, OneNumberForTheBatchIsTheSamplesInBatchesOfOne) {
  expect_pytorch("whole", {"loss.name=mse", "data.batch_size=1"});
}

TEST(ModelLayout, AModelThatTakesOneSampleAtATimeIsGivenOne) {
  const Gradients made = expect_pytorch("one", {"loss.name=mse"});
  EXPECT_TRUE(has_note(made.notes, "data.batch_size = 1 (the model takes one sample at a time"));
  expect_error([] { compute_gradients(recipe_of("one", {"data.batch_size=2"}), {}); },
               ErrorCode::kInvalidArgument, "one sample at a time", "train.accumulate = 2");
}

// The dimension has a name, but the shape inside is of one sample.
TEST(ModelLayout, AFileWhoseOpenBatchIsOneAllTheSameIsGivenOne) {
  using namespace temper::test;
  const TempFolder folder;
  ModelParts parts;
  parts.inputs = {value_info("x", {-1, 4})};
  parts.outputs = {value_info("y", {-1, 2, 2})};
  parts.initializers = {floats("w", {4, 4}, tiny_values(16, 1)), ints("shape", {1, 2, 2})};
  parts.nodes = {node("MatMul", {"x", "w"}, {"h"}, {}, "product"),
                 node("Reshape", {"h", "shape"}, {"y"}, {}, "view")};
  std::ofstream(folder.path("one.onnx"), std::ios::binary) << parts.bytes();
  write_npz(folder.path("data.npz"),
            {{"x", Tensor::from<float>(DType::kFloat32, {3, 4}, tiny_values(12, 2))}});
  const auto predicted = [&](const Words& lines) {
    RecipeSources sources;
    sources.overrides = {"model.path=\"" + folder.path("one.onnx") + "\"",
                         "data.train=\"" + folder.path("data.npz") + "\""};
    sources.overrides.insert(sources.overrides.end(), lines.begin(), lines.end());
    return predict(read_recipe(sources));
  };
  EXPECT_EQ(predicted({}).outputs[0].second.shape(), (Shape{3, 2, 2}));
  expect_error([&] { predicted({"data.batch_size=2"}); }, ErrorCode::kInvalidArgument,
               "takes one sample at a time (Reshape of [2,4]");
}

// As silero_vad's: what the operators in the branches of an If do with it is not looked at.
TEST(ModelLayout, TheOpenDimensionOfAnInputWithAFixedFirstOneCountsTheSamples) {
  using namespace temper::test;
  const TempFolder folder;
  ModelParts parts;
  parts.inputs = {symbolic_info("x", {"", "4"}), symbolic_info("state", {"2", "", "4"})};
  parts.outputs = {symbolic_info("y", {"", "4"}), symbolic_info("next", {"", "", ""})};
  parts.initializers = {floats("w", {4, 4}, tiny_values(16, 1)), ints("axes", {0})};
  parts.nodes = {node("ReduceSum", {"state", "axes"}, {"both"}, {int_attribute("keepdims", 0)}),
                 node("MatMul", {"x", "w"}, {"h"}), node("Add", {"h", "both"}, {"y"}),
                 node("Add", {"state", "state"}, {"next"})};
  std::ofstream(folder.path("m.onnx"), std::ios::binary) << parts.bytes();
  const LayoutReport made = inspect_layout(graph::OnnxModel::load(folder.path("m.onnx")), {});
  const InputPlace* state = made.inputs.find("state");
  ASSERT_NE(state, nullptr);
  EXPECT_EQ(state->axis, 1);
  EXPECT_TRUE(state->is_state);
  EXPECT_EQ(state->why, "its open dimension, as the first one of 'x' is");
}

TEST(ModelLayout, AnInputAlongWhichAnOperatorGoesIsOneSample) {
  const Gradients made = expect_pytorch("sequence", {"loss.name=mse", "loss.output=y"});
  EXPECT_TRUE(has_note(made.notes, "input x [seq_len,3]: one sample at a time"));
}

// Taken for batches, its nodes would be as many as its edges.
TEST(ModelLayout, InputsThatCountDifferentThingsAreOneSample) {
  const Gradients made = expect_pytorch("nodes", {"loss.name=mse"});
  EXPECT_TRUE(has_note(made.notes, "input nodes [num_nodes,3]: one sample at a time"));
  EXPECT_TRUE(has_note(made.notes,
                       "input edges [2,num_edges]: one sample at a time (dimension 1 is "
                       "'num_edges', and the model does not keep what lies along it apart"));
}

TEST(ModelLayout, PredictionsHaveARowForEachSample) {
  const Prediction whole = predict(recipe_of("states", {"data.batch_size=4"}));
  const Prediction parts = predict(recipe_of("states", {"data.batch_size=3"}));
  ASSERT_EQ(whole.outputs.size(), 3u);
  EXPECT_EQ(whole.outputs[0].second.shape(), (Shape{4, 5, 2}));
  EXPECT_EQ(whole.outputs[1].second.shape(), (Shape{4, 2, 2}));
  for (std::size_t i = 0; i < whole.outputs.size(); ++i) {
    EXPECT_EQ(whole.outputs[i].second.values<double>(), parts.outputs[i].second.values<double>());
  }
}

TEST(ModelLayout, APredictionIsTheTargetThatGivesNoLoss) {
  const TempFolder folder;
  const Prediction said = predict(recipe_of("states"));
  const NpzFile data(file("states.npz"));
  write_npz(folder.path("same.npz"), {{"x", data.read("x")},
                                      {"h0", data.read("h0")},
                                      {"c0", data.read("c0")},
                                      {"target", said.outputs[0].second}});
  Recipe recipe = recipe_of("states", {"loss.name=mse", "loss.output=y", "data.batch_size=3"});
  recipe.data.train = folder.path("same.npz");
  Session session(recipe);
  SetMetrics metrics = make_set_metrics(session, session.recipe().metrics);
  EXPECT_LT(evaluate_training_rows(session, metrics).loss, 1e-28);
}

TEST(ModelLayout, TrainsWithAShortLastBatchAndResumesToTheSameBits) {
  const TempFolder folder;
  const auto run = [&](const std::string& out) {
    return recipe_of("states", {"loss.name=mse", "loss.output=y", "data.batch_size=3",
                                "train.epochs=3", "train.out=\"" + folder.path(out) + "\"",
                                "log.charts=false", "log.tensorboard=false", "log.every=1"});
  };
  const RunRecord whole = run_tiny(run("whole"), false);
  run_tiny(run("parts"), false, [](const StepView& view) { return view.progress.step == 3; });
  const RunRecord rest = run_tiny(run("parts"), true);
  EXPECT_EQ(whole.variables, rest.variables);
  ASSERT_EQ(whole.losses.size(), 6u);
  EXPECT_LT(whole.losses.back(), whole.losses.front() + 1);
}

TEST(ModelLayout, InspectSaysWhatEachIsTakenForAndWhy) {
  const auto report = [](const std::string& name) {
    return inspect_layout(graph::OnnxModel::load(file(name + ".onnx")), {});
  };
  const LayoutReport states = report("states_fixed");
  EXPECT_EQ(states.unknown, "");
  ASSERT_EQ(states.inputs.places.size(), 3u);
  EXPECT_EQ(states.inputs.places[1].axis, 1);
  EXPECT_TRUE(states.inputs.places[1].is_state);
  ASSERT_EQ(states.outputs.size(), 3u);
  EXPECT_EQ(states.outputs[0].axis, 0);
  EXPECT_EQ(states.outputs[1].axis, 1);
  EXPECT_EQ(report("whole").outputs.front().kind, OutputPlace::Kind::kWhole);
  EXPECT_EQ(report("flat").outputs.front().kind, OutputPlace::Kind::kRows);
  EXPECT_EQ(report("flat_time").outputs.front().kind, OutputPlace::Kind::kUnclear);
  EXPECT_EQ(report("one").outputs.front().kind, OutputPlace::Kind::kSample);
}

TEST(ModelLayout, SettingsThatDoNotFitAreToldOf) {
  const auto refused = [](const std::string& line, const std::string& part) {
    expect_error([&] { predict(recipe_of("states", {line})); }, ErrorCode::kInvalidArgument, part);
  };
  refused("model.input.h1.batch_axis=1", "the model has no input 'h1' (it has x, h0, c0)");
  refused("model.input.h0.batch_axis=3", "whose dimensions go from 0 to 2");
  refused("model.output.z.batch_axis=1", "the model has no output 'z' (it has y, hn, cn)");
  refused("model.output.y.batch_axis=0", "but the output is [5,2,2] for 2 samples");
  refused("model.output.y.batch_axis=2", "[5,3,2] for 3: that dimension does not grow");
  refused("model.input.h0.value=[1, 2, 3]", "the input of a sample is [2,1,2]: give one, or 4");
  refused("model.input.h0.batch_axis=none", "write what the input [2,batch,2] is");
}

}  // namespace
}  // namespace temper::training
