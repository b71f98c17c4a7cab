// Lowering, first phase: the physical tensors of values, the layouts of variables, and reorders.
#include <algorithm>
#include <utility>

#include "graph/lowering/lowering.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

// The variable another one takes its layout from (a moment follows its parameter), or itself.
VariableId layout_source(const Graph& graph, VariableId id) {
  while (graph.variable(id).layout_of.valid()) {
    id = graph.variable(id).layout_of;
  }
  return id;
}

}  // namespace

PhysicalId Lowering::add_physical(TensorSpec spec) {
  Physical made;
  made.spec = std::move(spec);
  physicals_.push_back(std::move(made));
  return static_cast<PhysicalId>(physicals_.size() - 1);
}

bool Lowering::layout_is_free(VariableId id) const {
  const auto it = layouts_.find(layout_source(graph_, id));
  return it != layouts_.end() && !it->second.has_value();
}

Layout& Lowering::variable_layout(VariableId id) {
  auto& layout = layouts_[layout_source(graph_, id)];
  if (!layout) {
    layout = Layout{};
  }
  return *layout;
}

void Lowering::settle_layout(VariableId id, const Layout& layout) {
  layouts_[layout_source(graph_, id)] = layout;
}

PhysicalId Lowering::physical(ValueId id) {
  const auto it = of_value_.find(id);
  if (it != of_value_.end()) {
    Physical& found = physicals_[static_cast<std::size_t>(it->second)];
    if (found.home == Physical::Home::kVariable) {
      found.spec.layout_free = layout_is_free(found.variable);
      found.spec.layout = found.spec.layout_free ? Layout{} : variable_layout(found.variable);
    }
    return it->second;
  }
  const Value& value = graph_.value(id);
  const PhysicalId made = add_physical({value.dtype, value.shape, {}, false});
  Physical& physical_tensor = physicals_.back();
  if (value.kind == ValueKind::kConstant) {
    physical_tensor.home = Physical::Home::kConstant;
    physical_tensor.index = static_cast<int>(constants_.size());
    constants_.push_back(value.constant);
  } else if (value.kind == ValueKind::kInput) {
    physical_tensor.home = Physical::Home::kInput;
    const auto at = std::find(graph_.inputs.begin(), graph_.inputs.end(), id);
    physical_tensor.index = static_cast<int>(at - graph_.inputs.begin());
  } else {
    TEMPER_ASSERT(value.kind == ValueKind::kVariable, "value ", id.index, " was not computed");
    physical_tensor.home = Physical::Home::kVariable;
    physical_tensor.variable = value.variable;
    of_value_[id] = made;
    return physical(id);
  }
  of_value_[id] = made;
  return made;
}

// `source` in `layout`: itself, an earlier reorder of it, or a new one.
PhysicalId Lowering::in_layout(PhysicalId source, const Layout& layout, bool variable_may_adopt) {
  Physical& from = physicals_[static_cast<std::size_t>(source)];
  if (from.spec.dtype == DType::kOpaque) {
    return source;
  }
  if (from.home == Physical::Home::kVariable && layout_is_free(from.variable)) {
    settle_layout(from.variable, variable_may_adopt ? layout : Layout{});
    from.spec.layout = variable_layout(from.variable);
    from.spec.layout_free = false;
  }
  if (from.spec.layout == layout) {
    return source;
  }
  const auto key = std::make_pair(source, to_string(layout));
  const auto known = reordered_.find(key);
  if (known != reordered_.end()) {
    return known->second;
  }
  TensorSpec spec = from.spec;
  spec.layout = layout;
  spec.layout_free = false;
  const PhysicalId target = add_physical(spec);
  emit("Reorder", {}, {source}, target, "layout");
  reordered_[key] = target;
  return target;
}

}  // namespace temper::graph
