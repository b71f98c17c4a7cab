// Tensors that reach their place through what is computed from stored tensors alone, tokens joined
// to the features, and the values that speak against training.
#include <cmath>

#include "tests/graph/onnx/places_model.h"

namespace temper::test {
namespace {

using Model = PlacesModel;

std::vector<float> uneven(std::size_t count) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = std::sin(static_cast<float>(i * i) + 0.7f);
  }
  return values;
}

TEST(ComputedPlaces, AClassTokenTrainsAndPaddingDoesNot) {
  Model token;
  token.tensor("token", {1, 4}, {0.1f, 0.2f, -0.3f, 0.4f}).whole("times", {2, 4});
  token.add("Expand", {"token", "times"}, "tokens");
  token.add("Concat", {"tokens", "h"}, "m", {int_attribute("axis", 0)}).last();
  token.expect("token", true, "joined to the features at Concat 'm'");

  Model padding;
  padding.tensor("zeros", {2, 4}, std::vector<float>(8, 0));
  padding.add("Concat", {"zeros", "h"}, "m", {int_attribute("axis", 0)}).last();
  padding.expect("zeros", false, "one value alone: joined to the features at Concat 'm'");

  Model fresh;  // as many networks begin
  fresh.tensor("token", {1, 4}, std::vector<float>(4, 0));
  fresh.add("Concat", {"token", "h"}, "m", {int_attribute("axis", 0)}).last();
  fresh.expect("token", true, "joined to the features at Concat 'm'");

  Model shift;  // by a step
  shift.tensor("zeros", {1, 4}, std::vector<float>(4, 0)).whole("from", {0}).whole("to", {-1});
  shift.add("Slice", {"h", "from", "to", "from"}, "part");
  shift.add("Concat", {"zeros", "part"}, "m", {int_attribute("axis", 0)}).last();
  shift.expect("zeros", false, "one value alone: joined to the features at Concat 'm'");

  Model wider;
  wider.tensor("zeros", {1, 4}, std::vector<float>(4, 0)).tensor("w2", {8, 4}, uneven(32));
  wider.add("Concat", {"zeros", "h"}, "m", {int_attribute("axis", 1)});
  wider.add("MatMul", {"m", "w2"}, "y");
  wider.expect("zeros", false, "one value alone: joined to the features at Concat 'm'");

  Model anchors;  // behind the last layer
  anchors.tensor("anchors", {1, 4}, uneven(4));
  anchors.add("Concat", {"anchors", "h"}, "y", {int_attribute("axis", 0)});
  anchors.expect("anchors", false, "joined to the features at Concat 'y'");
}

TEST(ComputedPlaces, ATemperatureTrainsWhereItsExponentialIsAFactor) {
  Model clip;
  clip.tensor("t", {}, {2.6f}).tensor("most", {}, {4.6f}).add("Min", {"t", "most"}, "b");
  clip.add("Exp", {"b"}, "e").add("Mul", {"h", "e"}, "y");
  clip.expect("t", true, "temperature at Mul 'y'");
  clip.expect("most", false, "a scalar");
  Model constant;  // 1 / sqrt(d)
  constant.tensor("d", {}, {64}).add("Sqrt", {"d"}, "root").add("Div", {"h", "root"}, "m").last();
  constant.expect("d", false, "a scalar");
}

TEST(ComputedPlaces, AScalePerHeadTrainsThroughItsExponential) {
  Model model;
  model.tensor("scale", {2, 1, 1}, {2, 3}).tensor("most", {}, {4.6f});
  model.add("Transpose", {"h"}, "t").add("MatMul", {"h", "t"}, "scores");
  model.add("Min", {"scale", "most"}, "b").add("Exp", {"b"}, "e");
  model.add("Mul", {"scores", "e"}, "m").last();
  model.expect("scale", true, "scale per head at Mul 'm'");
}

TEST(ComputedPlaces, ABiasTrainsOfWhichAPartIsOverwritten) {
  Model model;
  model.vector("bias").whole("place", {1}).one("zero", 0).whole("shape", {1, 1});
  model.add("Reshape", {"place", "shape"}, "places");
  model.add("ScatterND", {"bias", "places", "zero"}, "b").add("Add", {"h", "b"}, "m").last();
  model.expect("bias", true, "addend of Add 'm'");
}

TEST(ComputedPlaces, TensorsThatAWeightIsComputedFromTrain) {
  Model norm;
  norm.tensor("v", {4, 4}, uneven(16)).tensor("g", {1, 4}, uneven(4));
  norm.add("ReduceL2", {"v"}, "n", {ints_attribute("axes", {0})}).add("Div", {"v", "n"}, "u");
  norm.add("Mul", {"u", "g"}, "w").add("MatMul", {"h", "w"}, "m").last();
  norm.expect("v", true, "part of the weight of MatMul 'm'");
  norm.expect("g", true, "part of the weight of MatMul 'm'");

  Model masked;
  std::vector<float> kept(16, 1);
  kept[3] = 0;
  masked.tensor("v", {4, 4}, uneven(16)).tensor("kept", {4, 4}, kept);
  masked.add("Mul", {"v", "kept"}, "w").add("MatMul", {"h", "w"}, "m").last();
  masked.expect("v", true, "part of the weight of MatMul 'm'");
  masked.expect("kept", false, "a mask: part of the weight of MatMul 'm'");
}

TEST(ComputedPlaces, AWeightThatIsRoundedTrainsAndTheStepsOfItsRoundingDoNot) {
  Model model;
  model.tensor("w", {4, 4}, std::vector<float>(16, 0)).vector("steps").one("step", 0.5f);
  model.vector("bias");
  model.add("QuantizeLinear", {"w", "steps"}, "q").add("DequantizeLinear", {"q", "steps"}, "r");
  model.add("MatMul", {"h", "r"}, "p").add("QuantizeLinear", {"p", "step"}, "pq");
  model.add("DequantizeLinear", {"pq", "step"}, "pr").add("Add", {"pr", "bias"}, "m").last();
  model.expect("w", true, "weight of MatMul 'p'");
  model.expect("bias", true, "addend of Add 'm'");
  model.expect("steps", false, "input 1 of DequantizeLinear 'r'");
  model.expect("step", false, "input 1 of DequantizeLinear 'pr'");
}

TEST(ComputedPlaces, StoredIntegersTrainByTheirScaleUnlessTheyAreSums) {
  Model model;
  model.stored("w", 3, {4, 4}, std::string(16, '\2')).vector("steps").vector("fine");
  model.stored("sums", 6, {4}, std::string(16, '\1'));
  const std::vector<Message> columns = {int_attribute("axis", 1)};
  const std::vector<Message> first = {int_attribute("axis", 0)};
  model.add("DequantizeLinear", {"w", "steps"}, "wide", columns);
  model.add("DequantizeLinear", {"sums", "fine"}, "bias", first);
  model.add("Gemm", {"h", "wide", "bias"}, "m").last();
  model.expect("steps", true, "part of the weight of Gemm 'm'");
  model.expect("fine", false, "scale of a bias in 32-bit integers at DequantizeLinear 'bias'");
}

TEST(ComputedPlaces, ABiasOfScoresTrainsAndMasksAndPenaltiesBesideItDoNot) {
  std::vector<float> distances;
  for (int i = 0; i < 16; ++i) {
    distances.push_back(-0.25f * static_cast<float>(i % 4) + 0.25f * static_cast<float>(i / 4));
  }
  Model model;
  model.tensor("bias", {4, 4}, uneven(16)).tensor("mask", {4, 4}, std::vector<float>(16, 0));
  model.tensor("distances", {4, 4}, distances);
  model.add("Transpose", {"h"}, "t").add("MatMul", {"h", "t"}, "scores");
  model.add("Add", {"bias", "mask"}, "one").add("Add", {"one", "distances"}, "both");
  model.add("Add", {"scores", "both"}, "s").add("Softmax", {"s"}, "m").last();
  model.expect("bias", true, "added to the scores of Softmax 'm'");
  model.expect("mask", false, "one value alone: added to the scores of Softmax 'm'");
  model.expect("distances", false, "added to the scores of Softmax 'm'");
}

// h as a picture of one pixel -> Conv 'conv' without bias, and with bias if asked for -> c.
Model behind_convolution(bool bias = false) {
  Model model;
  model.whole("to", {-1, 4, 1, 1}).whole("back", {-1, 4}).add("Reshape", {"h", "to"}, "p");
  model.tensor("w", {4, 4, 1, 1}, uneven(16)).vector("b");
  std::vector<std::string> inputs = {"p", "w"};
  if (bias) {
    inputs.emplace_back("b");
  }
  model.add("Conv", inputs, "c").add("Reshape", {"n", "back"}, "m").last();
  return model;
}

TEST(ComputedPlaces, ANormalisationWithStoredStatisticsDoesNotTrain) {
  Model written = behind_convolution();  // of torchvision and DETR
  for (const char* name : {"gain", "shift", "mean", "variance"}) {
    written.tensor(name, {1, 4, 1, 1}, {0.5f, 1.5f, 2, 3});
  }
  written.one("epsilon", 1e-5f).add("Add", {"variance", "epsilon"}, "v").add("Sqrt", {"v"}, "d");
  written.add("Reciprocal", {"d"}, "i").add("Mul", {"gain", "i"}, "scale");
  written.add("Mul", {"mean", "scale"}, "e").add("Sub", {"shift", "e"}, "rest");
  written.add("Mul", {"c", "scale"}, "s").add("Add", {"s", "rest"}, "n");
  for (const char* name : {"gain", "shift", "mean", "variance"}) {
    written.expect(name, false, "");
  }
  written.expect("shift", false, "shift of a normalisation with stored statistics at Add 'n'");
  written.expect("w", true, "weight of Conv 'c'");

  for (const bool bias : {false, true}) {  // folded; or between layers that say something else
    Model folded = behind_convolution(bias);
    folded.tensor("scale", {1, 4, 1, 1}, uneven(4)).tensor("shift", {1, 4, 1, 1}, uneven(4));
    folded.add("Mul", {"c", "scale"}, "s").add("Add", {"s", "shift"}, "n");
    folded.expect("scale", bias, bias ? "scale of the affine pair" : "with stored statistics");
    folded.expect("shift", bias, bias ? "addend of Add 'n'" : "with stored statistics");
  }
}

TEST(ComputedPlaces, ATableOfPositionsTrainsThatIsResizedToTheInput) {
  Model model;
  model.tensor("positions", {1, 2, 2, 4}, uneven(16)).add("Shape", {"x"}, "sizes");
  model.add("Resize", {"positions", "", "", "sizes"}, "p").add("Add", {"h", "p"}, "m").last();
  model.expect("positions", true, "addend of Add 'm'");
}

TEST(ComputedPlaces, ATableWithARowThatSwitchesOffTrainsWhereAMaskDoesNot) {
  for (const bool learned : {false, true}) {
    std::vector<float> table = learned ? uneven(16) : std::vector<float>(16, 0);
    table[5] = -1e4f;
    Model model;
    model.tensor("table", {4, 4}, table).whole("places", {0, 2, 1});
    model.add("Gather", {"table", "places"}, "b").add("Add", {"h", "b"}, "m").last();
    model.expect("table", learned, learned ? "embedding table" : "a mask");
  }
}

TEST(ComputedPlaces, AGridOfCoordinatesDoesNotTrainWhereLearnedQueriesDo) {
  std::vector<float> grid;
  for (int i = 0; i < 9; ++i) {
    grid.push_back(static_cast<float>(i / 3));
    grid.push_back(static_cast<float>(i % 3) / 2);
  }
  for (const bool learned : {false, true}) {
    Model model;
    model.tensor("points", {9, 2}, learned ? uneven(18) : grid).tensor("w", {2, 4}, uneven(8));
    model.add("MatMul", {"points", "w"}, "p").add("Add", {"h", "p"}, "m").last();
    model.expect("w", true, "weight of MatMul 'p'");
    model.expect("points", learned, learned ? "weight of MatMul 'p'" : "a grid of coordinates");
  }
}

TEST(ComputedPlaces, ATableOfCosinesAloneDoesNotTrain) {
  for (const bool learned : {false, true}) {
    std::vector<float> table;
    for (int row = 0; row < 6; ++row) {
      for (int i = 0; i < 4; ++i) {
        table.push_back(std::cos(static_cast<float>(row) / std::pow(10.0f, static_cast<float>(i))));
      }
    }
    table[9] += learned ? 0.1f : 0;
    Model model;
    model.tensor("table", {6, 4}, table).whole("places", {0, 2, 1});
    model.add("Gather", {"table", "places"}, "c").add("Mul", {"h", "c"}, "m").last();
    model.expect("table", learned, learned ? "embedding table" : "a table of sines and cosines");
  }
}

}  // namespace
}  // namespace temper::test
