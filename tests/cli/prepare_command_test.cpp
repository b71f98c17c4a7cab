// `temper prepare` and the findings of `temper inspect` from outside.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "graph/onnx/import.h"
#include "graph/ops/standard_ops.h"
#include "tests/cli/run_command.h"
#include "training/formats/json.h"
#include "training/formats/safetensors.h"

namespace temper::test {
namespace {

using testing::HasSubstr;

// Every float tensor of a model, by its name.
std::map<std::string, Tensor> weights(const std::string& path) {
  const graph::OnnxModel model = graph::OnnxModel::load(path);
  const graph::Graph graph = model.build_graph(graph::standard_ops());
  std::map<std::string, Tensor> found;
  for (int i = 0; i < graph.variable_count(); ++i) {
    found[graph.variable(VariableId{i}).name] = graph::initial_value(graph.variable(VariableId{i}));
  }
  return found;
}

TEST(PrepareCommand, InspectNamesTheEditsThatLeaveNothingToSay) {
  const ScratchFolder scratch;
  const CommandResult before = run_temper({"inspect", digits("digits.onnx")});
  ASSERT_EQ(before.exit_code, 0) << before.err;
  EXPECT_THAT(
      before.out,
      HasSubstr("--restore-batchnorm  Conv that a BatchNormalization was folded into (2): 1, 4"));
  const std::string made = scratch / "made.onnx";
  const CommandResult result =
      run_temper({"prepare", digits("digits.onnx"), made, "--restore-batchnorm", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const training::JsonValue line = training::parse_json(result.out, "stdout");
  EXPECT_EQ(line.at("out").as_string("out"), made);
  EXPECT_EQ(line.at("notes").as_array("notes").size(), 1u);
  const CommandResult after = run_temper({"inspect", made, "--json"});
  ASSERT_EQ(after.exit_code, 0) << after.err;
  EXPECT_THAT(after.out, Not(HasSubstr("--restore-batchnorm")));
  EXPECT_THAT(after.out, HasSubstr("BatchNormalization"));
}

TEST(PrepareCommand, OnlyAdaptersTrainAndAreMergedIntoTheModelTheyBelongTo) {
  const ScratchFolder scratch;
  const std::string adapted = scratch / "adapted.onnx", run = scratch / "run";
  const CommandResult prepared = run_temper({"prepare", digits("digits.onnx"), adapted, "--lora",
                                             "r=4,alpha=8", "--match", "8,10", "--seed", "1"});
  ASSERT_EQ(prepared.exit_code, 0) << prepared.err;
  EXPECT_THAT(prepared.err, HasSubstr("2 layers have adapters of rank 4"));
  const CommandResult trained =
      run_temper({"train", digits("digits.toml"), "model.path=" + adapted, "train.epochs=1",
                  "train.out=" + run, "model.trainable=[\"**.lora_A\", \"**.lora_B\"]"});
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  const std::map<std::string, Tensor> first = weights(adapted), last = weights(run + "/last.onnx");
  ASSERT_EQ(first.size(), last.size());
  int moved = 0;
  for (const auto& [name, tensor] : first) {
    const bool is_adapter = name.ends_with(".lora_A") || name.ends_with(".lora_B");
    EXPECT_EQ(equal_bits(tensor, last.at(name)), !is_adapter) << name;
    moved += is_adapter ? 1 : 0;
  }
  EXPECT_EQ(moved, 4);
  const std::string merged = scratch / "merged.onnx", file = scratch / "adapters.safetensors";
  const CommandResult result =
      run_temper({"prepare", run + "/last.onnx", merged, "--merge-lora", "--extract-lora", file});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(weights(merged).size(), weights(digits("digits.onnx")).size());
  const training::SafetensorsFile adapters = training::read_safetensors(file);
  ASSERT_EQ(adapters.tensors.size(), 4u);
  EXPECT_NE(adapters.find("base_model.model.8.lora_A.weight"), nullptr);
  EXPECT_EQ(adapters.metadata.at("base_model.model.8.factor"), "2");
  // Loaded into the model they were trained for, and merged at once.
  const std::string loaded = scratch / "loaded.onnx";
  const CommandResult added =
      run_temper({"prepare", digits("digits.onnx"), loaded, "--lora-load", file, "--merge-lora"});
  ASSERT_EQ(added.exit_code, 0) << added.err;
  EXPECT_THAT(added.err, HasSubstr("--lora-load: 2 layers have the adapters of"));
  const std::map<std::string, Tensor> again = weights(loaded);
  for (const auto& [name, tensor] : weights(merged)) {
    EXPECT_TRUE(equal_bits(tensor, again.at(name))) << name;
  }
  // The merged file and the adapter form are equally good.
  const auto loss_of = [&](const std::string& model) {
    const CommandResult evaluated =
        run_temper({"eval", model, digits("digits.npz"), "--loss", "cross_entropy", "--json"});
    EXPECT_EQ(evaluated.exit_code, 0) << evaluated.err;
    return training::parse_json(evaluated.out, "stdout").at("loss").as_double("loss");
  };
  EXPECT_NEAR(loss_of(merged), loss_of(run + "/last.onnx"), 1e-5);
}

TEST(PrepareCommand, RefusesWhatItCannotDoAndWritesNothing) {
  const ScratchFolder scratch;
  const auto expect = [&](std::vector<std::string> options, int code, const std::string& text) {
    options.insert(options.begin(), {"prepare", digits("digits.onnx"), scratch / "no.onnx"});
    const CommandResult result = run_temper(options);
    EXPECT_EQ(result.exit_code, code) << result.err;
    EXPECT_THAT(result.err, HasSubstr(text));
    EXPECT_FALSE(std::filesystem::exists(scratch / "no.onnx"));
  };
  expect({}, 2, "no edit is asked for");
  expect({"--head-keep", "1"}, 2, "--head-keep says more about --head-classes");
  expect({"--lora", "r=4"}, 2, "--lora needs --match");
  expect({"--lora", "rank=4", "--match", "8"}, 2, "expected r=RANK, alpha=NUMBER");
  expect({"--lora", "r=4", "--match", "**.attn.**"}, 2, "such layers are '0', '3', '8', '10'");
  expect({"--head-classes", "3", "--head-keep", "0,12"}, 2, "the file's classes are 0 to 9");
  expect({"--strip-activation"}, 2, "not by a Softmax");
  expect({"--lora-load", digits("digits.onnx")}, 2, "the model has no adapters");
  expect({"--lora-ranks", "8=4"}, 2, "--lora-ranks says more about --lora");
  expect({"--tie-match", "**"}, 2, "names no two weights that are equal");
  expect({"--padding-idx", "0.weight=1,a"}, 2, "expected WEIGHT=ROW");
}

}  // namespace
}  // namespace temper::test
