// [model.input.NAME] and [model.output.NAME]: read from files and command lines, written, compared.
#include <gtest/gtest.h>

#include "tests/training/test_files.h"
#include "training/recipe/recipe.h"
#include "training/recipe/resume_rules.h"

namespace temper::training {
namespace {

using Kind = BatchAxisSettings::Kind;
using Words = std::vector<std::string>;

Recipe read(const std::string& toml, const Words& lines = {}) {
  const TempFolder folder;
  return read_recipe({folder.write("recipe.toml", toml), {}, lines, false});
}

TEST(LayoutKeys, AreReadByTheNameOfTheTensor) {
  const Recipe recipe = read(
      "[model]\npath = \"a.onnx\"\n[model.input.h0]\nbatch_axis = 1\nvalue = 0\n"
      "[model.input.\"encoder.state\"]\nbatch_axis = \"none\"\nvalue = [1, 2.5]\n"
      "[model.output.y]\nbatch_axis = 1\ntime_axis = 0\n");
  ASSERT_EQ(recipe.model.inputs.size(), 2u);
  for (const InputSettings& input : recipe.model.inputs) {
    const bool first = input.name == "h0";
    EXPECT_EQ(input.name, first ? "h0" : "encoder.state");
    EXPECT_EQ(input.batch_axis,
              first ? (BatchAxisSettings{Kind::kAxis, 1}) : (BatchAxisSettings{Kind::kNone, 0}));
    EXPECT_EQ(input.value, first ? std::vector<double>{0} : (std::vector<double>{1, 2.5}));
  }
  ASSERT_EQ(recipe.model.outputs.size(), 1u);
  EXPECT_EQ(recipe.model.outputs[0].time_axis, 0);
}

TEST(LayoutKeys, ANameMayHaveDotsAlsoWithoutQuotes) {
  const Recipe recipe = read(
      "[model.input.encoder]\nbatch_axis = 0\n"
      "[model.input.encoder.state]\nbatch_axis = 1\n",
      {"model.output.decoder.y.flatten=time_batch", "model.input.encoder.state.value=0.5"});
  ASSERT_EQ(recipe.model.inputs.size(), 2u);
  const bool first = recipe.model.inputs[0].name == "encoder";
  const InputSettings& state = recipe.model.inputs[first ? 1 : 0];
  EXPECT_EQ(state.name, "encoder.state");
  EXPECT_EQ(state.batch_axis.axis, 1);
  EXPECT_EQ(state.value, std::vector<double>{0.5});
  ASSERT_EQ(recipe.model.outputs.size(), 1u);
  EXPECT_EQ(recipe.model.outputs[0].name, "decoder.y");
  EXPECT_EQ(recipe.model.outputs[0].flatten, "time_batch");
}

TEST(LayoutKeys, AreWrittenSoThatTheyReadBack) {
  const Words lines = {"model.input.a.b\"c.batch_axis=2", "model.input.table.value=rows.npy",
                       "model.input.table.batch_axis=none", "model.output.y.flatten=batch_time"};
  const Recipe recipe = read("", lines);
  const std::string text = to_toml(recipe);
  EXPECT_NE(text.find("[model.input.\"a.b\\\"c\"]\nbatch_axis = 2\n"), std::string::npos) << text;
  EXPECT_NE(text.find("[model.output.\"y\"]\nflatten = \"batch_time\"\n"), std::string::npos);
  const Recipe again = read(text);
  ASSERT_EQ(again.model.inputs.size(), 2u);
  EXPECT_EQ(to_toml(again).find("rows.npy") != std::string::npos, true);
  EXPECT_NE(describe_settings(recipe).find("[model.input.\"table\"] batch_axis = \"none\""),
            std::string::npos);
}

TEST(LayoutKeys, DecideComingStepsButForThePlaceOfAFile) {
  const auto deciding = [](const std::string& line) { return deciding_settings(read("", {line})); };
  EXPECT_NE(deciding("model.input.h0.batch_axis=1"), deciding("model.input.h0.batch_axis=0"));
  EXPECT_NE(deciding("model.input.h0.value=1"), deciding("model.input.h0.value=0"));
  EXPECT_EQ(deciding("model.input.h0.value=a.npy"), deciding("model.input.h0.value=b.npy"));
}

TEST(LayoutKeys, BadOnesAreToldOf) {
  const auto refused = [](const std::string& line, const std::string& part) {
    expect_error([&] { read("", {line}); }, ErrorCode::kInvalidArgument, "command line", part);
  };
  refused("model.input.h0.batch_axis=first", "must be the number of a dimension");
  refused("model.input.h0.batch_axis=-1", "must be the number of a dimension");
  refused("model.input.h0.value=zero", "the path of a .npy file");
  refused("model.input.h0.batchaxis=1", "did you mean batch_axis?");
  refused("model.input.batch_axis=1", "write model.input.NAME.batch_axis=1");
  refused("model.output.y.flatten=both", "must be one of batch_time, time_batch");
  expect_error([] { read("[model]\ninput = 3\n"); }, ErrorCode::kInvalidArgument,
               "write it as [model.input.NAME]");
}

}  // namespace
}  // namespace temper::training
