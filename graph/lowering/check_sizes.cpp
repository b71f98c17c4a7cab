// Lowering, before its first phase: no tensor of the plan is too large for the memory there is.
#include "graph/ir/op_def.h"
#include "graph/lowering/lowering.h"
#include "runtime/base/error.h"

namespace temper::graph {

// No tensor may be larger than the limit: what a kernel keeps may grow with its tensors, so this
// comes before any is prepared.
void Lowering::check_sizes(const std::vector<NodeId>& order) const {
  const auto check = [&](const Node& node, ValueId id, const char* verb) {
    const Value& value = graph_.value(id);
    if (value.dtype == DType::kOpaque) {
      return;
    }
    const std::int64_t bytes = storage_bytes(value.dtype, value.shape, {});
    TEMPER_CHECK(bytes <= options_.largest_tensor_bytes, ErrorCode::kOutOfMemory, node.origin, " ",
                 verb, " a tensor of the shape ", value.shape, ", ", bytes, " bytes, but ",
                 options_.limit_name, " leaves ", options_.largest_tensor_bytes);
  };
  for (const NodeId id : order) {
    const Node& node = graph_.node(id);
    for (const ValueId input : node.inputs) {
      if (input.valid() && graph_.value(input).kind != ValueKind::kNode) {
        check(node, input, "takes");
      }
    }
    for (const ValueId output : node.outputs) {
      if (output.valid()) {
        check(node, output, "gives");
      }
    }
  }
}

}  // namespace temper::graph
