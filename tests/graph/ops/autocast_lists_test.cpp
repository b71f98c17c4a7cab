// The ops' precision classes are torch.autocast's lists, and what departs from them is listed here
// with its reason.
#include "tests/graph/ops/expected/autocast_lists.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

// float32 although PyTorch has no list for it: exporters write GELU as Erf, and PyTorch's GELU
// computes inside in float. BitCast has no twin in the lists, and of 16 bits the bits are others.
// Fourier transforms of PyTorch take no 16-bit floats on the CPU. torchvision computes deformable
// convolutions in float32 under autocast; a causal convolution is a convolution; the state of a
// linear attention is a sum over all steps; optimizers and ai.onnx.ml compute in float32.
const std::map<std::string, PrecisionClass> kDepartures = {
    {"Adagrad", PrecisionClass::kFloat32},    {"Adam", PrecisionClass::kFloat32},
    {"BitCast", PrecisionClass::kFloat32},    {"CausalConvWithState", PrecisionClass::kLow},
    {"DeformConv", PrecisionClass::kFloat32}, {"LinearAttention", PrecisionClass::kFloat32},
    {"Momentum", PrecisionClass::kFloat32},   {"DFT", PrecisionClass::kFloat32},
    {"Erf", PrecisionClass::kFloat32},        {"STFT", PrecisionClass::kFloat32},
    {"Scaler", PrecisionClass::kFloat32}};

TEST(AutocastLists, DecideThePrecisionClassOfEveryOpThatAFileCanHold) {
  std::map<std::string, PrecisionClass> expected = kDepartures;
  for (const AutocastRow& row : autocast_lists()) {
    expected[row.op] = row.list;
  }
  int low = 0;
  int wide = 0;
  for (const OpDef* op : standard_ops().all()) {
    if (op->is_internal) {
      continue;
    }
    const auto known = expected.find(op->name());
    const PrecisionClass wanted =
        known == expected.end() ? PrecisionClass::kFollowInputs : known->second;
    EXPECT_EQ(op->precision_class, wanted)
        << op->name()
        << ": PyTorch's lists say otherwise; is it in tools/oracle/autocast_lists.py?";
    low += op->precision_class == PrecisionClass::kLow ? 1 : 0;
    wide += op->precision_class == PrecisionClass::kFloat32 ? 1 : 0;
  }
  EXPECT_GE(low, 4);
  EXPECT_GE(wide, 9);
}

// The gradient computes in what its inputs have, so an op in the wrong list would show there too.
TEST(AutocastLists, LetEveryTrainingFormFollowAsItsOpDoes) {
  for (const auto& [op, training] : std::map<std::string, std::string>{
           {"BatchNormalization", "BatchNormTrain"}, {"Dropout", "DropoutTrain"}}) {
    const OpDef& plain = standard_ops().get(op);
    const OpDef& trained = standard_ops().get(training);
    EXPECT_EQ(plain.precision_class, trained.precision_class) << op;
    EXPECT_EQ(plain.float32_inputs, trained.float32_inputs) << op;
  }
}

}  // namespace
}  // namespace temper::graph
