// Lowering, first phase: the physical tensors of values, the layouts of variables, and reorders.
#include <algorithm>
#include <utility>

#include "graph/ir/op_def.h"
#include "graph/lowering/lowering.h"
#include "graph/passes/evaluate.h"
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

// The layout that f32 values have where 16-bit ones lie in this one: products of 16 bits read pairs
// of neighbours, so their blocks end in blocks of two, which gradients in f32 do not have.
Layout without_pairs(const Layout& layout) {
  if (layout.plain || layout.inner_count == 0) {
    return layout;
  }
  const auto last = static_cast<std::size_t>(layout.inner_count) - 1;
  if (layout.inner_block[last] != 2) {
    return layout;
  }
  Layout whole = layout;
  --whole.inner_count;
  whole.inner_block[last] = 0;
  whole.inner_axis[last] = 0;
  for (std::size_t i = 0; i < last; ++i) {
    if (layout.inner_axis[i] == layout.inner_axis[last]) {
      whole.inner_block[i] *= 2;
      return whole;
    }
  }
  return Layout{};
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

// A copy in 16 bits of a variable that nobody has read yet, if it could come in blocks.
bool Lowering::lower_later(NodeId id) {
  const Node& node = graph_.node(id);
  if (node.op->movement != Movement::kConvert || node.inputs.size() != 1) {
    return false;
  }
  const Value& output = graph_.value(node.outputs.front());
  const Physical& from = physicals_[static_cast<std::size_t>(physical(node.inputs.front()))];
  if (size_of(output.dtype) != 2 || output.shape.rank() < 3 ||
      from.home != Physical::Home::kVariable || !layout_is_free(from.variable) ||
      gradient_of_.contains(node.outputs.front())) {
    return false;
  }
  const PhysicalId made = add_physical({output.dtype, output.shape, {}, true});
  later_[made] = {id, -1};
  of_value_[node.outputs.front()] = made;
  return true;
}

// The output of a conversion that waited: now that a reader wants it in `layout`, its variable lies
// as that is in f32, and the conversion changes nothing but the type.
PhysicalId Lowering::convert_now(PhysicalId id, const Layout& layout) {
  Later& later = later_.at(id);
  if (later.made < 0) {
    const Node& node = graph_.node(later.node);
    PhysicalId source = physical(node.inputs.front());
    const VariableId variable = physicals_[static_cast<std::size_t>(source)].variable;
    if (layout_is_free(variable)) {
      settle_layout(variable, without_pairs(layout));
      source = physical(node.inputs.front());
    }
    OpQuery query = make_query(graph_, later.node, options_.threads);
    query.inputs.front() = physicals_[static_cast<std::size_t>(source)].spec;
    emit_selected(node, query, select_kernel(backend_, query), {source});
    later.made = of_value_.at(node.outputs.front());
  }
  return later.made;
}

// `source` in `layout`: itself, an earlier reorder of it, or a new one.
PhysicalId Lowering::in_layout(PhysicalId source, const Layout& layout, bool variable_may_adopt) {
  if (later_.contains(source)) {
    source = convert_now(source, variable_may_adopt ? layout : Layout{});
  }
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
