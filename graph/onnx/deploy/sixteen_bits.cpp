#include "graph/onnx/deploy/sixteen_bits.h"

#include "graph/onnx/deploy/table_lines.h"

namespace temper::graph {

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
