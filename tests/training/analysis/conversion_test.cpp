// Checkpoints in exports of PyTorch's: the outputs are those that PyTorch gives with the checkpoint
// (tools/oracle/checkpoints.py).
#include "training/analysis/conversion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "backends/backends.h"
#include "graph/onnx/surgery/trial_run.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/bind_shapes.h"
#include "tests/training/test_files.h"
#include "training/formats/checkpoint_file.h"
#include "training/formats/npz.h"

namespace temper::training {
namespace {

std::string form(const std::string& name) { return fixture("checkpoints/" + name); }

double distance_from_pytorch(const std::string& model_path, const char* output,
                             const char* outputs = "net_outputs.npz") {
  const auto reference = make_backend("reference");
  const graph::OnnxModel model = graph::OnnxModel::load(model_path);
  graph::Graph graph = model.build_graph(graph::standard_ops());
  graph::bind_shapes(graph, {}, 2, *reference);
  const NpzFile file(form(outputs));
  const graph::Trial trial{*reference, *reference, 1, {}};
  const auto got = graph::trial_outputs(graph, {file.read("x")}, trial)[0].values<double>();
  const auto expected = file.read(output).values<double>();
  EXPECT_EQ(got.size(), expected.size());
  double most = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    most = std::max(most, std::abs(got[i] - expected[i]));
  }
  return most;
}

const graph::LoadedWeight* find(const Conversion& done, const std::string& from) {
  for (const graph::LoadedWeight& row : done.report.loaded) {
    if (row.from == from) {
      return &row;
    }
  }
  return nullptr;
}

TEST(Conversion, ADefaultExportGivesPyTorchsOutputsWithOtherWeights) {
  const TempFolder folder;
  const std::string out = folder.path("out.onnx");
  const Conversion done = convert_checkpoint(form("net.pt"), form("net.onnx"), out, {});
  EXPECT_LT(distance_from_pytorch(out, "y"), 1e-5);
  EXPECT_GT(distance_from_pytorch(form("net.onnx"), "y"), 1e-2);
  const graph::LoadedWeight* conv = find(done, "conv1.weight");
  ASSERT_NE(conv, nullptr);
  EXPECT_EQ(conv->folded, "bn1");
  EXPECT_FALSE(conv->guessed);
  ASSERT_NE(find(done, "fc.weight"), nullptr);
  EXPECT_TRUE(find(done, "fc.weight")->transposed);
  EXPECT_FALSE(find(done, "out.weight")->transposed);
  ASSERT_NE(find(done, "positions.weight"), nullptr);
  EXPECT_EQ(find(done, "positions.weight")->how, "rows 0 to 35");
  EXPECT_TRUE(find(done, "positions.weight")->guessed);
  EXPECT_TRUE(done.report.left_in_model.empty());
  EXPECT_TRUE(done.report.left_in_checkpoint.empty());
  ASSERT_EQ(done.trial.size(), 1u);
  EXPECT_GT(done.trial[0].difference, 1e-2);
  // Nothing else is left in the folder.
  int files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder.path(""))) {
    ++files;
  }
  EXPECT_EQ(files, 1);
}

TEST(Conversion, AnExportOfTorchScriptTakesNamesFromItsNodes) {
  const TempFolder folder;
  const std::string out = folder.path("out.onnx");
  ConversionOptions options;
  options.load.batchnorm_epsilon = 1e-3;  // the file does not say it
  const Conversion done =
      convert_checkpoint(form("net.pt"), form("net_torchscript.onnx"), out, options);
  EXPECT_LT(distance_from_pytorch(out, "y"), 1e-5);
  EXPECT_THAT(done.report.notes, testing::Contains(testing::HasSubstr("--batchnorm-epsilon")));
}

TEST(Conversion, WhatStandsInFrontOfNamesIsFound) {
  const TempFolder folder;
  const std::string out = folder.path("out.onnx");
  convert_checkpoint(form("net_wrapped.pt"), form("net.onnx"), out, {});
  EXPECT_LT(distance_from_pytorch(out, "y"), 1e-5);
  const Conversion done = convert_checkpoint(form("net.ckpt"), form("net.onnx"), out, {});
  EXPECT_LT(distance_from_pytorch(out, "y"), 1e-5);
  EXPECT_EQ(done.report.prefix, "state_dict.net.");
  EXPECT_THAT(done.report.notes, testing::Contains(testing::HasSubstr("ema_state_dict.net.")));
  ConversionOptions averages;
  averages.load.prefix = "ema_state_dict.net";
  convert_checkpoint(form("net.ckpt"), form("net.onnx"), out, averages);
  EXPECT_LT(distance_from_pytorch(out, "ema"), 1e-5);
}

// Two modules with classes of a project's own, in half precision, and what else a run keeps.
TEST(Conversion, AWholeModuleGivesItsTensorsAndTheEpsilonsOfItsBatchNorms) {
  const TempFolder folder;
  const std::string out = folder.path("out.onnx");
  for (const char* model : {"net.onnx", "net_torchscript.onnx"}) {
    SCOPED_TRACE(model);
    const Conversion done = convert_checkpoint(form("project.pt"), form(model), out, {});
    EXPECT_LT(distance_from_pytorch(out, "y", "project_outputs.npz"), 1e-5);
    EXPECT_EQ(done.report.prefix, "model.");
    EXPECT_THAT(done.report.notes, testing::Contains(testing::HasSubstr("'ema.'")));
    EXPECT_THAT(done.report.notes,
                testing::Not(testing::Contains(testing::HasSubstr("--batchnorm-epsilon"))));
    ConversionOptions averages;
    averages.load.prefix = "ema";
    convert_checkpoint(form("project.pt"), form(model), out, averages);
    EXPECT_LT(distance_from_pytorch(out, "ema", "project_outputs.npz"), 1e-5);
  }
}

// The file's table has the head's name, and the head itself is written turned; the checkpoint has
// the one under the embedding's name.
TEST(Conversion, AHeadThatIsItsEmbeddingFollowsIt) {
  const TempFolder folder;
  const std::string out = folder.path("out.onnx");
  ConversionOptions options;
  options.load.strict = true;
  const Conversion done =
      convert_checkpoint(form("tied.safetensors"), form("tied.onnx"), out, options);
  EXPECT_EQ(done.report.loaded.size(), 4u);
  EXPECT_LT(distance_from_pytorch(out, "y", "tied_outputs.npz"), 1e-6);
  EXPECT_GT(distance_from_pytorch(form("tied.onnx"), "y", "tied_outputs.npz"), 1e-2);
}

TEST(Conversion, StrictTakesNoGuess) {
  const TempFolder folder;
  const std::string out = folder.path("out.onnx");
  ConversionOptions options;
  options.load.strict = true;
  expect_error([&] { convert_checkpoint(form("net.pt"), form("net.onnx"), out, options); },
               ErrorCode::kInvalidArgument, "--strict", "positions.weight");
  EXPECT_FALSE(std::filesystem::exists(out));
  options.load.map = read_name_map(
      folder.write("map", "# the table's first rows\n\"embedding\" = positions.weight[0:36]\n"));
  convert_checkpoint(form("net.pt"), form("net.onnx"), out, options);
  EXPECT_LT(distance_from_pytorch(out, "y"), 1e-5);
}

TEST(Conversion, AWeightWithoutASourceIsAnErrorUnlessItMayStay) {
  const TempFolder folder;
  const CheckpointFile whole = read_checkpoint_file(form("net.pt"));
  std::vector<NamedTensor> arrays;
  for (const UnreadTensor& tensor : whole.tensors) {
    if (tensor.name != "out.weight") {
      arrays.push_back({tensor.name, tensor.read()});
    }
  }
  const std::string some = folder.path("some.npz"), out = folder.path("out.onnx");
  write_npz(some, arrays);
  expect_error([&] { convert_checkpoint(some, form("net.onnx"), out, {}); },
               ErrorCode::kInvalidArgument, "1 weights of the model have no source", "out.weight",
               "--partial");
  EXPECT_FALSE(std::filesystem::exists(out));
  ConversionOptions options;
  options.load.partial = true;
  const Conversion done = convert_checkpoint(some, form("net.onnx"), out, options);
  EXPECT_THAT(done.report.weights_left, testing::ElementsAre("out.weight"));
  const auto weight = [](const std::string& path) {
    return graph::OnnxModel::load(path).build_graph(graph::standard_ops());
  };
  const graph::Graph before = weight(form("net.onnx")), after = weight(out);
  for (int i = 0; i < before.variable_count(); ++i) {
    const graph::Variable& one = before.variable(graph::VariableId{i});
    if (one.name == "out.weight") {
      EXPECT_TRUE(equal_bits(one.initial, after.variable(graph::VariableId{i}).initial));
    }
  }
}

TEST(Conversion, AMapNamesWhatIsThere) {
  const TempFolder folder;
  const auto says = [&](const char* line, std::string_view what) {
    ConversionOptions options;
    expect_error(
        [&] {
          options.load.map = read_name_map(folder.write("map", line));
          convert_checkpoint(form("net.pt"), form("net.onnx"), folder.path("out.onnx"), options);
        },
        ErrorCode::kInvalidArgument, what);
  };
  says("embedding positions.weight\n", "line 1");
  says("nothing = positions.weight\n", "no stored float tensor 'nothing'");
  says("out.weight = nowhere\n", "no 'nowhere'");
  says("out.weight = positions.weight\n", "[4,8]");
  says("embedding = positions.weight[20:56]\n", "takes no rows 20 to 55");
}

TEST(Conversion, ACheckpointOfAnotherModelIsRefused) {
  const TempFolder folder;
  expect_error(
      [&] {
        convert_checkpoint(form("small.gguf"), form("net.onnx"), folder.path("out.onnx"), {});
      },
      ErrorCode::kInvalidArgument, "no tensor of the model is found", "--map");
}

}  // namespace
}  // namespace temper::training
