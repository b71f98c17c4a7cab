#include "graph/onnx/opset_upgrade.h"

#include <limits>

#include "graph/ir/op_registry.h"
#include "graph/onnx/tensor_codec.h"

namespace temper::graph {
namespace {

// An attribute that is a number of ONNX's element types becomes the type's name.
void name_type(NodeDraft& d, const std::string& attribute) {
  if (!d.attrs.has(attribute)) {
    return;  // the shape rule knows whether it may be left out
  }
  const std::int64_t to = d.attrs.get_int(attribute, 0);
  const bool fits = to > 0 && to < std::numeric_limits<std::int32_t>::max();
  TEMPER_CHECK(fits && is_known_onnx_type(static_cast<std::int32_t>(to)), ErrorCode::kInvalidModel,
               d.origin, " casts to the type ", to, ", which ONNX does not define");
  const DType dtype = graph_dtype(static_cast<std::int32_t>(to));
  if (dtype == DType::kUndefined) {
    d.refuse("casting to ", onnx_type_name(static_cast<std::int32_t>(to)), " is not supported");
  }
  d.attrs.set(attribute, std::string(to_string(dtype)));
}

}  // namespace

void upgrade(NodeDraft& draft) {
  const OpDef& op = draft.graph.registry().get(draft.op);
  if (!op.type_name.empty()) {
    name_type(draft, op.type_name);
  }
  if (op.upgrade_function != nullptr) {
    op.upgrade_function(draft);
  }
}

}  // namespace temper::graph
