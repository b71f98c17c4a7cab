// `temper convert` for files that take bytes and give answers, `temper predict` on them, and
// `temper prune`, as a user runs them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "graph/onnx/import.h"
#include "tests/cli/run_command.h"
#include "training/formats/json.h"
#include "training/formats/npz.h"

namespace temper::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string fixture(const std::string& name) { return diff_fixture("../" + name); }

std::string classifier() { return fixture("embed/classifier.onnx"); }

TEST(EmbedCommand, WhatIsInsideNeedsNoWordsWhenPredicting) {
  const ScratchFolder scratch;
  const std::string out = scratch / "out.onnx";
  const CommandResult done = run_temper({"convert", classifier(), out, "--embed-preprocessing",
                                         "--embed-postprocessing", "--class-names", "--json"});
  ASSERT_EQ(done.exit_code, 0) << done.err;
  const training::JsonValue line = training::parse_json(done.out, "stdout");
  EXPECT_EQ(line.at("embedded").as_array("embedded").size(), 4u);
  EXPECT_THAT(done.out, HasSubstr("input 'image' is UINT8 [batch, height, width, 3]"));
  const CommandResult predicted =
      run_temper({"predict", out, fixture("classes"), "--out", scratch / "p.npz"});
  ASSERT_EQ(predicted.exit_code, 0) << predicted.err;
  EXPECT_THAT(predicted.out, HasSubstr("classes  2 names, one for each class"));
  const training::NpzFile file(scratch / "p.npz");
  EXPECT_THAT(file.read_texts("classes").value(), ElementsAre("blue", "red"));
  EXPECT_EQ(file.read_texts("files").value().size(), 12u);
  EXPECT_EQ(file.read("class").shape(), Shape{12});
  EXPECT_FALSE(file.has("class_name")) << "texts have no values here";
  const CommandResult measured = run_temper({"eval", out, fixture("classes"), "--json"});
  EXPECT_EQ(measured.exit_code, 0) << measured.err;
}

TEST(EmbedCommand, APartUnderOtherNames) {
  const ScratchFolder scratch;
  const std::string out = scratch / "out.onnx";
  const CommandResult done = run_temper({"convert", classifier(), out, "--outputs", "features",
                                         "--rename", "features=embedding,image=pixels", "--batch",
                                         "2", "--strip-metadata", "--set-metadata", "licence=MIT"});
  ASSERT_EQ(done.exit_code, 0) << done.err;
  const graph::OnnxModel model = graph::OnnxModel::load(out);
  EXPECT_EQ(model.inputs().at(0).name, "pixels");
  EXPECT_EQ(model.inputs().at(0).dims.at(0).value, 2);
  EXPECT_EQ(model.outputs().at(0).name, "embedding");
  EXPECT_THAT(model.metadata(), testing::Contains(testing::Pair("licence", "MIT")));
}

TEST(EmbedCommand, OptionsThatSayMoreNeedTheirOwn) {
  const ScratchFolder scratch;
  const auto refused = [&](std::vector<std::string> words, const char* because) {
    words.insert(words.begin(), {"convert", classifier(), scratch / "out.onnx"});
    const CommandResult done = run_temper(words);
    EXPECT_EQ(done.exit_code, 2);
    EXPECT_THAT(done.err, HasSubstr(because));
    EXPECT_FALSE(std::filesystem::exists(scratch / "out.onnx"));
  };
  refused({"--class-names"}, "more about --embed-postprocessing");
  refused({"--channels-first"}, "more about --embed-preprocessing");
  refused({"--rename", "image"}, "expected OLD=NEW");
  refused({"--set-metadata", "licence"}, "KEY=VALUE or a FILE.json");
  refused({"--batch", "none"}, "--batch");
  const CommandResult folder =
      run_temper({"convert", scratch.path(), scratch / "out.onnx", "--inference"});
  EXPECT_EQ(folder.exit_code, 2);
  EXPECT_THAT(folder.err, HasSubstr("--weights average"));
}

TEST(PruneCommand, SaysWhatIsGoneOfEachLayer) {
  const ScratchFolder scratch;
  const std::string out = scratch / "out.onnx";
  const CommandResult done = run_temper(
      {"prune", fixture("embed/chain.onnx"), out, "--sparsity", "0.5", "--structured", "channels"});
  ASSERT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("a  3 of 6 channels are gone"));
  EXPECT_THAT(done.out, HasSubstr("d  stays as it is: its outputs are the model's"));
  EXPECT_LT(std::filesystem::file_size(out),
            std::filesystem::file_size(fixture("embed/chain.onnx")));
  const CommandResult all =
      run_temper({"prune", fixture("embed/chain.onnx"), out, "--sparsity", "1"});
  EXPECT_EQ(all.exit_code, 2);
  EXPECT_THAT(all.err, HasSubstr("between 0 and 1"));
}

}  // namespace
}  // namespace temper::test
