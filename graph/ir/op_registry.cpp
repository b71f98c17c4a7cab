#include "graph/ir/op_registry.h"

#include "runtime/base/error.h"

namespace temper::graph {

OpDef& OpRegistry::add(std::string_view name) {
  auto& slot = ops_[std::string(name)];
  TEMPER_ASSERT(slot == nullptr, "op ", name, " is registered twice");
  slot = std::make_unique<OpDef>(std::string(name));
  return *slot;
}

const OpDef* OpRegistry::find(std::string_view name) const {
  const auto it = ops_.find(name);
  return it == ops_.end() ? nullptr : it->second.get();
}

const OpDef* OpRegistry::find_imported(std::string_view onnx_name) const {
  const OpDef* op = find(onnx_name);
  if (op != nullptr && !op->is_internal) {
    return op;
  }
  for (const auto& [name, other] : ops_) {
    if (other->onnx_name == onnx_name && !onnx_name.empty()) {
      return other.get();
    }
  }
  return nullptr;
}

const OpDef& OpRegistry::get(std::string_view name) const {
  const OpDef* op = find(name);
  TEMPER_ASSERT(op != nullptr, "no op ", name);
  return *op;
}

std::vector<const OpDef*> OpRegistry::all() const {
  std::vector<const OpDef*> list;
  for (const auto& [name, op] : ops_) {
    list.push_back(op.get());
  }
  return list;
}

}  // namespace temper::graph
