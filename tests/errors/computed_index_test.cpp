// Indices that a model computes from its data, out of the range of what they pick from.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/errors/bad_input.h"

namespace temper::test {
namespace {

using testing::HasSubstr;

class ComputedIndex : public BadInput {
 protected:
  // y = table[int(x)], a table of five rows.
  ComputedIndex() {
    ModelParts parts;
    parts.nodes = {node("Cast", {"x"}, {"i"}, {int_attribute("to", 7)}, "index"),
                   node("Gather", {"table", "i"}, {"rows"}, {int_attribute("axis", 0)}, "embed"),
                   node("Flatten", {"rows"}, {"y"})};
    parts.initializers = {floats("table", {5, 3}, std::vector<float>(15, 0.5f))};
    parts.inputs = {value_info("x", {-1, 1})};
    parts.outputs = {value_info("y", {-1, 3})};
    write_model("embed.onnx", parts);
  }

  CommandResult run(const std::string& command, float index) const {
    const std::vector<float> x = {0, 1, 2, 3, 4, index};
    const std::vector<std::int64_t> labels = {0, 1, 2, 0, 1, 2};
    training::write_npz(at("data.npz"),
                        {{"x", Tensor::from<float>(DType::kFloat32, {6, 1}, x)},
                         {"target", Tensor::from<std::int64_t>(DType::kInt64, {6}, labels)}});
    write("recipe.toml",
          "[model]\npath = \"embed.onnx\"\n[data]\ntrain = \"data.npz\"\n[train]\nepochs = 1\n");
    return command == "train" ? temper({"train", "embed.onnx", "data.npz", "train.epochs=1"})
                              : temper({command, "recipe.toml"});
  }
};

TEST_F(ComputedIndex, WithinRangeCountsFromTheEndWhereItIsNegative) {
  const CommandResult result = run("train", -5);
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

TEST_F(ComputedIndex, OutOfRangeEndsTheRunAndNamesTheNode) {
  for (const char* command : {"train", "eval"}) {
    for (const auto& [index, shown] :
         {std::pair{5.0f, "5"}, std::pair{-6.0f, "-6"}, std::pair{1e30f, "9223372036854775807"}}) {
      const CommandResult result = run(command, index);
      EXPECT_EQ(result.exit_code, 3) << command << ": " << result.err;
      EXPECT_THAT(result.err,
                  HasSubstr(concat("'embed' got the index ", shown, ", expected -5 to 4")))
          << command;
    }
  }
}

}  // namespace
}  // namespace temper::test
