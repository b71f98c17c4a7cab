// Cases of the ops of com.microsoft: onnxruntime's values, and gradients against central
// differences.
#include <cmath>

#include "runtime/base/concat.h"
#include "tests/ops/expected/fused.h"
#include "tests/ops/families.h"

namespace temper::op_suite {
namespace {

// Element k of input i, as in tools/oracle/fused.py.
OpInput numbers(int place, const Shape& shape) {
  std::vector<double> made;
  for (std::int64_t k = 0; k < shape.element_count(); ++k) {
    made.push_back(0.9 * std::sin(1.3 * static_cast<double>(k) + place));
  }
  return values(shape, std::move(made));
}

OpCase case_of(const FusedValues& fused) {
  OpCase made{
      .op = fused.op, .attrs = fused.attrs, .outputs = static_cast<int>(fused.outputs.size())};
  for (std::size_t i = 0; i < fused.inputs.size(); ++i) {
    const FusedInput& input = fused.inputs[i];
    const int place = static_cast<int>(i);
    if (input.dtype == DType::kOpaque) {
      made.inputs.push_back(missing());
    } else if (input.dtype == DType::kUndefined) {
      made.inputs.push_back(numbers(place, input.shape));
      made.differentiate.push_back(place);
    } else {
      made.inputs.push_back(values(input.shape, input.numbers).of(input.dtype));
    }
  }
  for (const HostTensor& output : fused.outputs) {
    made.wanted.push_back(!output.values.empty());
  }
  return made;
}

bool rounds(const OpCase& fused) { return fused.op == "MicrosoftDynamicQuantizeLSTM"; }

}  // namespace

std::vector<OpCase> fused_cases() {
  std::vector<OpCase> cases;
  for (const FusedValues& fused : fused_values()) {
    OpCase made = case_of(fused);
    made.label = concat("case", cases.size());
    if (!rounds(made)) {  // no difference is taken of what rounds
      cases.push_back(made);
    }
    made.label += "_onnxruntime";
    made.dtypes = {DType::kFloat32};
    made.differentiate.clear();
    made.expected = [&fused](const std::vector<HostTensor>&) { return fused.outputs; };
    cases.push_back(made);
  }
  // A kernel of another provider than onnxruntime's for the CPU.
  cases.push_back({.op = "MicrosoftBiasSplitGelu",
                   .inputs = {random({2, 3, 8}), random({8})},
                   .differentiate = {0, 1}});
  cases.push_back({.op = "MicrosoftBiasAdd",
                   .inputs = {random({2, 3, 4}), random({4}), random({2, 3, 4})},
                   .differentiate = {0, 1, 2}});
  return cases;
}

}  // namespace temper::op_suite
