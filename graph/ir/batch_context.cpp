#include "graph/ir/batch_context.h"

#include <algorithm>
#include <cstring>

#include "graph/ir/builder.h"

namespace temper::graph {

bool BatchContext::others_are_shared(int but) const {
  for (int i = 0; i < input_count(); ++i) {
    if (i != but && axis(i)) {
      return false;
    }
  }
  return true;
}

int BatchContext::data_axis() const {
  check(axis(0).has_value() && others_are_shared(0), "takes its parameters from the batch");
  return *axis(0);
}

Shape BatchContext::output() const {
  const auto there = std::find_if(node_.outputs.begin(), node_.outputs.end(),
                                  [](ValueId id) { return id.valid(); });
  return there == node_.outputs.end() ? Shape{} : graph_.value(*there).shape;
}

int BatchContext::aligned(int i, int rank) const {
  const int at = *axis(i);
  const Shape out = output();
  const int to = at + out.rank() - rank;
  check(to >= 0 && to < out.rank() && out[to] == shape(i)[at], "broadcasts the batch dimension of ",
        shape(i), " to ", out);
  return to;
}

int BatchContext::agreed(BatchAxis found, int next) const {
  check(!found || *found == next, "joins values that hold the batch in dimensions ",
        found.value_or(0), " and ", next);
  return next;
}

int BatchContext::without(const std::vector<std::int64_t>& reduced) const {
  const int at = data_axis();
  check(std::find(reduced.begin(), reduced.end(), at) == reduced.end(),
        "reduces over the samples of a batch");
  const bool keeps = node_.attrs.get_int("keepdims", 1) != 0;
  const auto gone =
      std::count_if(reduced.begin(), reduced.end(), [&](std::int64_t r) { return r < at; });
  return keeps ? at : at - static_cast<int>(gone);
}

int batch_elementwise(const BatchContext& c) {
  BatchAxis found;
  for (int i = 0; i < c.input_count(); ++i) {
    if (c.axis(i)) {
      found = c.agreed(found, c.aligned(i, c.shape(i).rank()));
    }
  }
  return *found;
}

int batch_of_images(const BatchContext& c) {
  c.check(c.data_axis() == 0 && c.others_are_shared(0),
          "takes the batch as channels or as weights");
  return 0;
}

int batch_along_others(const BatchContext& c, const char* refusal) {
  BatchAxis found;
  for (int i = 0; i < c.input_count(); ++i) {
    if (c.axis(i)) {
      found = c.agreed(found, *c.axis(i));
    }
  }
  c.check(*found != c.number("axis"), refusal);
  return *found;
}

Shape RebatchContext::scaled(Shape shape) const {
  shape[output_axis_] = checked_multiply(shape[output_axis_] / from_, to_, "a batch dimension");
  return shape;
}

bool RebatchContext::has_fixed_target() const {
  const Node& node = graph_.node(id_);
  if (node.inputs.size() < 2 || !node.inputs[1].valid()) {
    return true;
  }
  const Value &now = graph_.value(node.inputs[1]), &then = old_.value(node.inputs[1]);
  return now.kind == ValueKind::kConstant && then.kind == ValueKind::kConstant &&
         now.constant.values<std::int64_t>() == then.constant.values<std::int64_t>();
}

void RebatchContext::set_resolved(const Attrs& attrs) {
  Node& node = graph_.node(id_);
  for (const auto& [name, value] : attrs) {
    node.attrs.set(name, value);
  }
  node.inputs.resize(1);
}

namespace {

// Whether a stored tensor says the same along an axis, element by element.
bool has_equal_slices(const Graph& graph, ValueId id, int axis) {
  const Value& value = graph.value(id);
  if (value.kind != ValueKind::kConstant && value.kind != ValueKind::kVariable) {
    return false;
  }
  const Tensor stored = value.kind == ValueKind::kConstant
                            ? value.constant
                            : initial_value(graph.variable(value.variable));
  if (!stored.defined()) {
    return true;  // zeros
  }
  const Shape& shape = stored.shape();
  const auto block =
      static_cast<std::size_t>(shape.count(axis + 1, shape.rank())) * size_of(stored.dtype());
  const auto* from = static_cast<const std::byte*>(stored.data());
  bool equal = stored.layout().plain && block > 0;
  for (std::int64_t outer = 0; equal && outer < shape.count(0, axis); ++outer) {
    for (std::int64_t i = 1; equal && i < shape[axis]; ++i) {
      equal = std::memcmp(from, from + static_cast<std::size_t>(i) * block, block) == 0;
    }
    from += static_cast<std::size_t>(shape[axis]) * block;
  }
  return equal;
}

}  // namespace

void RebatchContext::repeat_input(int i, int axis) {
  const auto at = static_cast<std::size_t>(i);
  ValueId input = graph_.node(id_).inputs[at];
  Shape shape = graph_.value(input).shape;
  Builder builder(graph_, graph_.node(id_).origin);
  const bool of_all = from_ > 1 && shape[axis] == from_ && has_equal_slices(graph_, input, axis);
  TEMPER_CHECK(of_all || (from_ == 1 && shape[axis] == 1), ErrorCode::kUnsupported,
               graph_.node(id_).origin, " joins the batch with ", shape,
               ", which the file gives for ", shape[axis], " samples", kRebatchAdvice);
  if (of_all) {  // zeros for each sample of the file's batch
    input = builder.slice(input, axis, 0, 1);
  }
  shape[axis] = to_;
  const ValueId repeated = builder.expand(input, shape);
  graph_.node(id_).inputs[at] = repeated;
}

}  // namespace temper::graph
