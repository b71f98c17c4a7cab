#include "graph/onnx/deploy/sixteen_bits.h"

#include <algorithm>

#include "graph/onnx/deploy/table_lines.h"

namespace temper::graph {
namespace {

constexpr std::string_view kInFloat32[] = {"Bernoulli",
                                           "BlackmanWindow",
                                           "CastLike",
                                           "CumSum",
                                           "DequantizeLinear",
                                           "DynamicQuantizeLinear",
                                           "EyeLike",
                                           "HammingWindow",
                                           "HannWindow",
                                           "If",
                                           "Loop",
                                           "Max",
                                           "MelWeightMatrix",
                                           "Min",
                                           "NonMaxSuppression",
                                           "OneHot",
                                           "Optional",
                                           "OptionalGetElement",
                                           "QuantizeLinear",
                                           "RandomNormal",
                                           "RandomNormalLike",
                                           "RandomUniform",
                                           "RandomUniformLike",
                                           "Range",
                                           "Resize",
                                           "RoiAlign",
                                           "Scan",
                                           "SequenceAt",
                                           "SequenceConstruct",
                                           "SequenceInsert",
                                           "SequenceMap",
                                           "SplitToSequence",
                                           "ConcatFromSequence",
                                           "TopK",
                                           "Upsample"};
constexpr std::string_view kAnyFloat[] = {"Shape", "Size", "Cast", "IsNaN", "NonZero"};

template <class List>
bool contains(const List& list, const std::string& op) {
  return std::find(std::begin(list), std::end(list), op) != std::end(list);
}

}  // namespace

bool needs_float32(const std::string& op) { return contains(kInFloat32, op); }

bool takes_any_float(const std::string& op) { return contains(kAnyFloat, op); }

bool allows_sixteen_bits(const std::string& op, DType type, std::int64_t opset) {
  std::string_view rest = kSixteenBitOps;
  while (!rest.empty()) {
    std::string_view line = take_until(rest, '\n');
    if (take_until(line, ' ') == op) {
      const std::int64_t float16 = take_number(line), bfloat16 = take_number(line);
      return opset >= (type == DType::kBFloat16 ? bfloat16 : float16);
    }
  }
  return false;
}

}  // namespace temper::graph
