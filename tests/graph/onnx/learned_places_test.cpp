// Which addends and factors train: those of norms, residual branches and affine pairs, and not the
// constants of activations, masks, tables of sines and the scaling of inputs and outputs.
#include <gtest/gtest.h>

#include <cmath>

#include "graph/onnx/import.h"
#include "graph/ops/standard_ops.h"
#include "tests/graph/onnx/expect_error.h"
#include "tests/graph/onnx/places_model.h"

namespace temper::test {
namespace {

using graph::OnnxModel;
using graph::TensorDecision;
using Model = PlacesModel;

const std::vector<Message> kLastAxis = {ints_attribute("axes", {-1})};

// The root of the variance, by the ops that PyTorch's exporter writes before opset 17.
Model with_deviation() {
  Model model;
  model.one("two", 2).one("epsilon", 1e-5f);
  model.add("ReduceMean", {"h"}, "mean", kLastAxis).add("Sub", {"h", "mean"}, "centred");
  model.add("Pow", {"centred", "two"}, "squares").add("ReduceMean", {"squares"}, "var", kLastAxis);
  return model.add("Add", {"var", "epsilon"}, "wide").add("Sqrt", {"wide"}, "root");
}

TEST(LearnedPlaces, ScaleAndShiftOfAWrittenOutLayerNormTrain) {
  Model model = with_deviation();
  model.vector("scale").vector("shift");
  model.add("Div", {"centred", "root"}, "n").add("Mul", {"n", "scale"}, "s");
  model.add("Add", {"s", "shift"}, "m").last();
  model.expect("scale", true, "scale of the normalisation at Mul 's'");
  model.expect("shift", true, "addend of Add 'm'");
  model.expect("epsilon", false, "added under the root of Sqrt 'root'");
  model.expect("two", false, "input 1 of Pow 'squares'");
}

TEST(LearnedPlaces, ScaleOfANormTrainsInTheOtherFormsThatExportersWrite) {
  Model before = with_deviation();  // tf2onnx: the scale meets the inverse root first
  before.vector("scale").vector("shift").add("Reciprocal", {"root"}, "inverse");
  before.add("Mul", {"inverse", "scale"}, "s").add("Mul", {"centred", "s"}, "n");
  before.add("Add", {"n", "shift"}, "m").last();
  before.expect("scale", true, "scale of the normalisation at Mul 's'");
  before.expect("shift", true, "addend of Add 'm'");

  Model keras = with_deviation();  // x a + (shift - mean a)
  keras.vector("scale").vector("shift").add("Reciprocal", {"root"}, "inverse");
  keras.add("Mul", {"inverse", "scale"}, "a").add("Mul", {"h", "a"}, "xa");
  keras.add("Mul", {"mean", "a"}, "ma").add("Sub", {"shift", "ma"}, "rest");
  keras.add("Add", {"xa", "rest"}, "m").last();
  keras.expect("scale", true, "scale of the normalisation at Mul 'a'");
  keras.expect("shift", true, "shift of the normalisation at Sub 'rest'");

  Model rms;
  rms.vector("scale").one("epsilon", 1e-5f).add("Mul", {"h", "h"}, "squares");
  rms.add("ReduceMean", {"squares"}, "mean", kLastAxis).add("Add", {"mean", "epsilon"}, "wide");
  rms.add("Sqrt", {"wide"}, "root").add("Div", {"h", "root"}, "n");
  rms.add("Mul", {"scale", "n"}, "m").last();
  rms.expect("scale", true, "scale of the normalisation at Mul 'm'");
}

TEST(LearnedPlaces, ConstantsOfActivationsDoNotTrain) {
  Model gelu;  // h (1 + tanh(h / c)) / 2
  gelu.one("root_two", 1.4142135f).one("unit", 1).one("half", 0.5f);
  gelu.add("Div", {"h", "root_two"}, "d").add("Tanh", {"d"}, "e").add("Add", {"e", "unit"}, "p");
  gelu.add("Mul", {"h", "p"}, "hp").add("Mul", {"hp", "half"}, "m").last();
  gelu.expect("unit", false, "one number added by Add 'p'");
  gelu.expect("root_two", false, "a factor of Div 'd'");
  gelu.expect("half", false, "a factor of Mul 'm'");

  Model hard;  // h clip(h + 3, 0, 6) / 6
  hard.vector("bias").one("three", 3).tensor("low", {}, {0}).tensor("high", {}, {6});
  hard.one("six", 6).add("Add", {"h", "bias"}, "b").add("Add", {"b", "three"}, "t");
  hard.add("Clip", {"t", "low", "high"}, "c").add("Mul", {"b", "c"}, "bc");
  hard.add("Div", {"bc", "six"}, "m").last();
  hard.expect("bias", true, "addend of Add 'b'");
  hard.expect("three", false, "one number added by Add 't'");
  hard.expect("six", false, "a factor of Div 'm'");
}

TEST(LearnedPlaces, OneNumberTrainsAsABiasOrInAnAffinePairBetweenLayers) {
  Model bias;
  bias.one("bias", 0.5f).add("Add", {"h", "bias"}, "m").last();
  bias.expect("bias", true, "addend of Add 'm'");
  Model pair;  // PP-LCNet
  pair.one("scale", 1.5f).one("shift", 0.5f).add("Mul", {"scale", "h"}, "s");
  pair.add("Add", {"s", "shift"}, "m").last();
  pair.expect("scale", true, "scale of the affine pair at Mul 's'");
  pair.expect("shift", true, "addend of Add 'm'");
}

TEST(LearnedPlaces, ScaleOfAResidualBranchTrainsAndATemperatureDoesNot) {
  Model branch;
  branch.vector("gamma").tensor("w2", {4, 4}, std::vector<float>(16, 1)).vector("b2");
  branch.add("MatMul", {"h", "w2"}, "a").add("Add", {"a", "b2"}, "b");
  branch.add("Mul", {"b", "gamma"}, "s").add("Add", {"h", "s"}, "m").last();
  branch.expect("gamma", true, "scale of the branch that Add 'm' adds");
  Model temperature;
  temperature.one("t", 2).add("Div", {"h", "t"}, "y");
  temperature.expect("t", false, "a factor of Div 'y'");
}

TEST(LearnedPlaces, ScaleAndShiftOfTheModelsInputAndOutputDoNotTrain) {
  Model output;  // back to the target's unit
  output.vector("std").vector("mean").add("Mul", {"h", "std"}, "s").add("Add", {"s", "mean"}, "y");
  output.expect("std", false, "a factor of Mul 's'");
  output.expect("mean", false, "a shift of the model's output by Add 'y'");
  Model input;
  input.vector("std").vector("mean").add("Mul", {"x", "std"}, "s").add("Add", {"s", "mean"}, "m");
  input.last();
  input.expect("std", false, "a factor of Mul 's'");
  input.expect("mean", false, "a shift of the model's input by Add 'm'");
  Model grid;  // (2 sigmoid(h) + grid) stride
  grid.vector("grid").vector("stride").one("two", 2).add("Sigmoid", {"h"}, "s");
  grid.add("Mul", {"s", "two"}, "d")
      .add("Add", {"d", "grid"}, "g")
      .add("Mul", {"g", "stride"}, "y");
  grid.expect("grid", false, "a shift of the model's output by Add 'g'");
  grid.expect("stride", false, "a factor of Mul 'y'");
}

// Rows of positions as "Attention is all you need" gives them; halves in place of pairs if asked.
std::vector<float> sines(int positions, int columns, bool halves) {
  std::vector<float> table(static_cast<std::size_t>(positions * columns));
  for (int row = 0; row < positions; ++row) {
    for (int i = 0; i < columns / 2; ++i) {
      const double angle = row / std::pow(10000.0, 2.0 * i / columns);
      const int at = row * columns + (halves ? i : 2 * i);
      table[static_cast<std::size_t>(at)] = static_cast<float>(std::sin(angle));
      table[static_cast<std::size_t>(at + (halves ? columns / 2 : 1))] =
          static_cast<float>(std::cos(angle));
    }
  }
  return table;
}

TEST(LearnedPlaces, ATableOfSinesAndAMaskDoNotTrainWhereALearnedTableDoes) {
  for (const bool halves : {false, true}) {
    Model model;
    model.tensor("positions", {3, 8}, sines(3, 8, halves));
    model.add("Add", {"h", "positions"}, "m").last();
    model.expect("positions", false, "a table of sines and cosines: addend of Add 'm'");
  }
  std::vector<float> learned = sines(3, 8, false);
  learned[5] += 0.01f;
  Model model;
  model.tensor("positions", {3, 8}, learned).tensor("mask", {4}, {0, 0, 0, -1e9f});
  model.add("Add", {"h", "positions"}, "p").add("Add", {"p", "mask"}, "m").last();
  model.expect("positions", true, "addend of Add 'p'");
  model.expect("mask", false, "a mask");
  Model chosen = with_deviation();
  chosen.tensor("kept", {4}, {1, 0, 1, 1}).add("Div", {"centred", "root"}, "n");
  chosen.add("Mul", {"n", "kept"}, "m").last();
  chosen.expect("kept", false, "a mask: scale of the normalisation at Mul 'm'");
}

TEST(LearnedPlaces, TheTensorsOfABodyAreDecidedByTheirPlaceInIt) {
  const auto out = {value_info("out", {-1, 4})};
  ModelParts parts;
  parts.nodes = {
      node("If", {"c"}, {"y"},
           {body_attribute("then_branch",
                           {node("MatMul", {"x", "weight"}, {"h"}, {}, "fc"),
                            node("Add", {"h", "shift"}, {"out"}, {}, "add")},
                           {}, out,
                           {floats("weight", {4, 4}, std::vector<float>(16, 1)),
                            floats("shift", {4}, {1, 2, 3, 4})}),
            body_attribute("else_branch",
                           {node("Constant", {}, {"weight"},
                                 {tensor_attribute("value", floats("", {4}, {1, 2, 3, 4}))}),
                            node("Mul", {"x", "weight"}, {"out"}, {}, "mul")},
                           {}, out)},
           "choice")};
  parts.inputs.push_back(value_info("c", {}, 9));
  const TemporaryFolder folder;
  const OnnxModel file = OnnxModel::load(folder.write("m.onnx", parts.bytes()));
  std::vector<TensorDecision> decisions;
  file.build_graph(graph::standard_ops(), {}, &decisions);
  ASSERT_EQ(decisions.size(), 3u);
  EXPECT_EQ(decisions[0].name, "weight");
  EXPECT_TRUE(decisions[0].trainable);
  EXPECT_EQ(decisions[0].why, "weight of MatMul 'fc'");
  EXPECT_EQ(decisions[1].why, "addend of Add 'add'");
  EXPECT_TRUE(decisions[1].trainable);
  EXPECT_EQ(decisions[2].name, "If 'choice'#1/weight");  // another tensor of that name
  EXPECT_FALSE(decisions[2].trainable);
  EXPECT_EQ(decisions[2].why, "a factor of Mul 'mul'");
  const std::vector<graph::SubgraphSummary> bodies = file.subgraphs();
  ASSERT_EQ(bodies.size(), 2u);
  EXPECT_EQ(bodies[0].owner, "If 'choice'");
  EXPECT_EQ(bodies[0].branch, "then_branch");
  EXPECT_EQ(bodies[0].op_counts,
            (std::vector<std::pair<std::string, std::int64_t>>{{"Add", 1}, {"MatMul", 1}}));
}

}  // namespace
}  // namespace temper::test
