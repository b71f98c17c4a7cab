#include "graph/ir/infer_context.h"

#include <algorithm>

namespace temper::graph {

ValueId InferContext::input(int i) const {
  check(has_input(i), "input ", i, " is missing");
  return node().inputs[static_cast<std::size_t>(i)];
}

const Shape& InferContext::shape(int i) const { return graph_.value(input(i)).shape; }

DType InferContext::dtype(int i) const { return graph_.value(input(i)).dtype; }

const Tensor* InferContext::constant(int i) const {
  if (!has_input(i)) {
    return nullptr;
  }
  const Value& value = graph_.value(input(i));
  return value.kind == ValueKind::kConstant ? &value.constant : nullptr;
}

void InferContext::set_output(int i, DType dtype, const Shape& shape) {
  if (!has_output(i)) {
    return;
  }
  for (const std::int64_t dim : shape) {
    check(dim >= 0, "output ", i, " would have the shape ", shape);
  }
  row_major_strides(shape);  // checks for overflow
  Value& value = graph_.value(node().outputs[static_cast<std::size_t>(i)]);
  value.dtype = dtype;
  value.shape = shape;
  value.shape_known = true;
}

std::optional<std::vector<std::int64_t>> InferContext::take_ints(std::string_view name, int i) {
  if (has_input(i)) {
    const Tensor* tensor = constant(i);
    TEMPER_CHECK(
        tensor != nullptr, ErrorCode::kUnsupported, "input ", i, " (", name,
        ") is computed from data; only values known when the graph is compiled are supported");
    // A begin and an end for each axis, or a size for each output.
    const std::int64_t most = std::max(2 * kMaxRank, output_count());
    check(tensor->element_count() <= most, "input ", i, " (", name, ") has ",
          tensor->element_count(), " entries, expected at most ", most);
    attrs().set(name, tensor->values<std::int64_t>());
    graph_.node(node_id_).inputs[static_cast<std::size_t>(i)] = ValueId{};
  }
  if (!attrs().has(name)) {
    return std::nullopt;
  }
  return attrs().get_ints(name);
}

std::optional<double> InferContext::take_number(std::string_view name, int i, bool allow_dynamic) {
  if (has_input(i)) {
    const Tensor* tensor = constant(i);
    if (tensor == nullptr && allow_dynamic) {
      return std::nullopt;
    }
    TEMPER_CHECK(
        tensor != nullptr, ErrorCode::kUnsupported, "input ", i, " (", name,
        ") is computed from data; only values known when the graph is compiled are supported");
    check(tensor->element_count() == 1, "input ", i, " (", name,
          ") must be a scalar, but has the shape ", tensor->shape());
    attrs().set(name, tensor->values<double>().front());
    graph_.node(node_id_).inputs[static_cast<std::size_t>(i)] = ValueId{};
  }
  if (!attrs().has(name)) {
    return std::nullopt;
  }
  return attrs().get_double(name, 0);
}

std::int64_t InferContext::normalise_axis(std::int64_t value, int rank) const {
  check(value >= -rank && value < rank, "axis ", value, " is out of range for rank ", rank);
  return value < 0 ? value + rank : value;
}

std::int64_t InferContext::axis(std::string_view name, std::int64_t fallback, int rank) {
  const std::int64_t value = normalise_axis(attrs().get_int(name, fallback), rank);
  attrs().set(name, value);
  return value;
}

std::vector<std::int64_t> InferContext::normalise_axes(std::vector<std::int64_t> axes,
                                                       int rank) const {
  for (std::int64_t& value : axes) {
    value = normalise_axis(value, rank);
  }
  std::sort(axes.begin(), axes.end());
  check(std::adjacent_find(axes.begin(), axes.end()) == axes.end(), "an axis is named twice in [",
        join(axes, ","), "]");
  return axes;
}

void InferContext::require_same_dtype(std::initializer_list<int> inputs) const {
  int first = -1;
  for (const int i : inputs) {
    if (!has_input(i)) {
      continue;
    }
    if (first < 0) {
      first = i;
    }
    check(dtype(i) == dtype(first), "inputs ", first, " and ", i, " must have one type, but are ",
          dtype(first), " and ", dtype(i));
  }
}

namespace {

void check_narrow(const OpDef& op, DType dtype) {
  TEMPER_CHECK(!is_narrow(dtype) || op.can_take_narrow, ErrorCode::kUnsupported, op.name(),
               " of tensors of type ", dtype, " is not supported; Cast and DequantizeLinear turn ",
               "them into floats");
}

// So that rules may multiply a size by a stride, a repeat or a kernel's and add without a look: no
// memory holds more, and a file that says more is broken.
void check_sizes(const Shape& shape) {
  constexpr std::int64_t kLargestDimension = std::int64_t{1} << 40;
  for (const std::int64_t dim : shape) {
    TEMPER_CHECK(dim <= kLargestDimension, ErrorCode::kInvalidModel, "a tensor of the shape ",
                 shape, " has a dimension over ", kLargestDimension);
  }
  row_major_strides(shape);  // checks for overflow
}

}  // namespace

void infer_node(Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  const OpDef& op = *node.op;
  try {
    const int inputs = static_cast<int>(node.inputs.size());
    const int outputs = static_cast<int>(node.outputs.size());
    TEMPER_CHECK(inputs >= op.min_inputs && (op.max_inputs < 0 || inputs <= op.max_inputs),
                 ErrorCode::kInvalidModel, op.name(), " has ", inputs, " inputs, expected ",
                 op.min_inputs, op.max_inputs < 0 ? " or more" : concat(" to ", op.max_inputs));
    TEMPER_CHECK(outputs >= op.min_outputs && (op.max_outputs < 0 || outputs <= op.max_outputs),
                 ErrorCode::kInvalidModel, op.name(), " has ", outputs, " outputs, expected ",
                 op.min_outputs, op.max_outputs < 0 ? " or more" : concat(" to ", op.max_outputs));
    for (const ValueId input : node.inputs) {
      if (input.valid()) {
        check_sizes(graph.value(input).shape);
        check_narrow(op, graph.value(input).dtype);
      }
    }
    InferContext context(graph, id);
    op.infer_function(context);
    for (const ValueId output : graph.node(id).outputs) {
      if (output.valid()) {
        check_narrow(op, graph.value(output).dtype);
      }
    }
  } catch (Error& error) {
    error.add_note(
        concat("in ", graph.node(id).origin.empty() ? op.name() : graph.node(id).origin));
    throw;
  }
}

}  // namespace temper::graph
