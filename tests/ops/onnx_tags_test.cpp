// Our gradients agree with what ONNX's schemas call differentiable.
#include "tests/ops/expected/onnx_tags.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "graph/ir/op_def.h"
#include "graph/ops/standard_ops.h"
#include "tests/ops/op_case.h"

namespace temper::op_suite {
namespace {

// Where we differ from ONNX, and why: the op, its input.
const std::map<std::pair<std::string, int>, std::string> kDeviations = {
    {{"AffineGrid", 0}, "PyTorch differentiates the maps: spatial transformers learn them"},
    {{"DFT", 0}, "it is linear, and losses of spectra train through it"},
    {{"GridSample", 1}, "PyTorch differentiates the grid: spatial transformers learn it"},
    {{"ReverseSequence", 0}, "ONNX does not say; it moves elements, as Transpose does"},
    {{"Sign", 0}, "PyTorch's gradient of sign is zero, not an error"},
    {{"Floor", 0}, "as Sign"},
    {{"Ceil", 0}, "as Sign"},
    {{"Round", 0}, "as Sign"},
    {{"Mod", 1}, "PyTorch differentiates the divisor too"},
    {{"STFT", 0}, "it is linear, and losses of spectra train through it"},
    {{"STFT", 2}, "it is linear in the window too"},
    {{"LSTM", 5}, "PyTorch's gradient of a first state, which may be learned"},
    {{"LSTM", 6}, "PyTorch's gradient of a first state, which may be learned"},
    {{"GRU", 5}, "PyTorch's gradient of a first state, which may be learned"},
    {{"LinearAttention", 3}, "as LSTM's first state"},
    {{"CausalConvWithState", 3}, "as LSTM's first state"},
    {{"RNN", 5}, "PyTorch's gradient of a first state, which may be learned"}};

char input_tag(const OnnxTags& tags, int input) {
  const auto last = static_cast<int>(tags.inputs.size()) - 1;
  return tags.inputs[static_cast<std::size_t>(std::min(input, last))];
}

bool has(std::string_view letters, char letter) {
  return letters.find(letter) != std::string_view::npos;
}

std::set<std::pair<std::string, int>> differentiated_inputs() {
  std::set<std::pair<std::string, int>> inputs;
  for (const OpCase& op_case : all_cases()) {
    for (const int input : op_case.differentiate) {
      inputs.emplace(op_case.op, input);
    }
  }
  return inputs;
}

TEST(OnnxTags, OpsHaveAGradientExactlyWhereOnnxCallsThemDifferentiable) {
  for (const OnnxTags& tags : onnx_tags()) {
    const graph::OpDef* op = graph::standard_ops().find(tags.op);
    if (op != nullptr && op->resolve_function == nullptr && !has(tags.inputs, '?')) {
      const bool deviates = kDeviations.contains({std::string(tags.op), 0});
      const bool wanted = has(tags.inputs, 'D') && has(tags.outputs, 'D');
      EXPECT_EQ(op->is_differentiable(), wanted != deviates) << tags.op;
    }
  }
}

TEST(OnnxTags, GradientsAreCheckedForExactlyTheDifferentiableInputs) {
  const auto checked = differentiated_inputs();
  for (const OnnxTags& tags : onnx_tags()) {
    const graph::OpDef* op = graph::standard_ops().find(tags.op);
    if (op == nullptr || op->resolve_function != nullptr) {
      continue;
    }
    for (int i = 0; i < static_cast<int>(tags.inputs.size()); ++i) {
      const std::pair<std::string, int> input(tags.op, i);
      const bool wanted = (input_tag(tags, i) == 'D') != kDeviations.contains(input);
      EXPECT_EQ(checked.contains(input), wanted) << tags.op << ", input " << i;
    }
  }
}

}  // namespace
}  // namespace temper::op_suite
