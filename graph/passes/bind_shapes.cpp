#include "graph/passes/bind_shapes.h"

#include <algorithm>

#include "graph/ir/op_def.h"
#include "graph/ir/verify.h"
#include "graph/ir/walk.h"
#include "graph/passes/evaluate.h"

namespace temper::graph {
namespace {

// Folded without being counted: the numbers of shapes.
constexpr std::int64_t kShapeSized = 64;
// Elements of a constant made of smaller ones.
constexpr std::int64_t kMostGrown = 1 << 16;
constexpr std::int64_t kMostBytes = 32 << 20;

}  // namespace

ConstantFolder::ConstantFolder(const Graph& graph, const Backend& reference)
    : reference_(reference), bytes_left_(kMostBytes) {
  for (int i = 0; i < graph.value_count(); ++i) {
    const Value& value = graph.value(ValueId{i});
    bytes_left_ += value.kind == ValueKind::kConstant ? 2 * value.constant.bytes() : 0;
  }
}

bool ConstantFolder::may_fold(const Graph& graph, const Node& node) {
  if (node.op->is_stateful || !node.bodies.empty()) {
    return false;
  }
  std::int64_t most = kMostGrown;
  for (const ValueId input : node.inputs) {
    if (!input.valid()) {
      continue;
    }
    const Value& value = graph.value(input);
    if (value.kind != ValueKind::kConstant) {
      return false;
    }
    most = std::max(most, value.shape.element_count());
  }
  std::int64_t bytes = 0;
  for (const ValueId output : node.outputs) {
    if (!output.valid()) {
      continue;
    }
    const Value& value = graph.value(output);
    const std::int64_t elements = value.shape.element_count();
    if (value.dtype == DType::kOpaque || elements > most) {
      return false;
    }
    bytes += elements <= kShapeSized ? 0 : storage_bytes(value.dtype, value.shape, {});
  }
  if (bytes > bytes_left_) {
    return false;
  }
  bytes_left_ -= bytes;
  return true;
}

void ConstantFolder::fold_if_constant(Graph& graph, NodeId id) {
  if (!may_fold(graph, graph.node(id))) {
    return;
  }
  const std::vector<Tensor> results = evaluate_constant_node(graph, reference_, id);
  Node& node = graph.node(id);
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i].valid()) {
      Value& value = graph.value(node.outputs[i]);
      value.kind = ValueKind::kConstant;
      value.constant = results[i];
      value.producer = NodeId{};
    }
  }
  node.removed = true;
}

void fold_constants(Graph& graph, const Backend& reference) {
  ConstantFolder folder(graph, reference);
  for (const NodeId id : topological_order(graph)) {
    folder.fold_if_constant(graph, id);
  }
}

void bind_inputs(Graph& graph, const std::map<std::string, std::int64_t>& symbols,
                 std::int64_t unnamed_first) {
  for (const ValueId id : graph.inputs) {
    Value& value = graph.value(id);
    TEMPER_CHECK(value.rank_known, ErrorCode::kUnsupported, "input '", value.name,
                 "' declares no shape");
    for (int axis = 0; axis < value.shape.rank(); ++axis) {
      const Dim& dim = value.dims[static_cast<std::size_t>(axis)];
      const bool unnamed_batch = axis == 0 && dim.symbol.empty();
      const auto named = symbols.find(dim.symbol.empty() ? std::string("?") : dim.symbol);
      if (dim.value >= 0) {
        value.shape[axis] = dim.value;
      } else if (!unnamed_batch && named != symbols.end()) {
        value.shape[axis] = named->second;
      } else if (axis == 0) {
        value.shape[axis] = unnamed_first;
      } else {
        fail(ErrorCode::kInvalidArgument, "dimension ", axis, " of input '", value.name,
             "' is open; give its size, such as ", dim.symbol.empty() ? "?" : dim.symbol, "=64");
      }
    }
    value.shape_known = true;
  }
}

void bind_shapes(Graph& graph, const std::map<std::string, std::int64_t>& symbols,
                 std::int64_t unnamed_first, const Backend& reference,
                 const ResolveOptions& options, Graph* mirror) {
  bind_inputs(graph, symbols, unnamed_first);
  infer_and_resolve(graph, mirror, reference, options);
  verify(graph, "bind_shapes");
}

}  // namespace temper::graph
