#include "graph/ir/resolve_context.h"

#include <utility>

namespace temper::graph {

ValueId ResolveContext::input(std::size_t i) const {
  check(has_input(i), "input ", i, " is missing");
  return node_.inputs[i];
}

std::vector<ValueId> ResolveContext::captures() const {
  const auto count = static_cast<std::ptrdiff_t>(capture_count(node_));
  return {node_.inputs.end() - count, node_.inputs.end()};
}

const Tensor* ResolveContext::constant(ValueId id) const {
  const bool known = id.valid() && !is_list(id) && value(id).kind == ValueKind::kConstant;
  return known ? &value(id).constant : nullptr;
}

std::vector<std::int64_t> ResolveContext::integers(std::size_t i, std::string_view what) const {
  const Tensor* tensor = constant(input(i));
  TEMPER_CHECK(tensor != nullptr, ErrorCode::kUnsupported, "input ", i, " (", what,
               ") is computed from data; only values known when the graph is compiled are "
               "supported");
  check(is_integer(tensor->dtype()), "input ", i, " (", what, ") is ", tensor->dtype(),
        ", expected integers");
  return tensor->values<std::int64_t>();
}

ResolveContext::Formal ResolveContext::formal(ValueId id, bool may_be_constant) const {
  TEMPER_CHECK(!is_list(id) && !is_nothing(id), ErrorCode::kUnsupported,
               "a sequence or an optional value goes into what is not written out: it is computed "
               "from data how often, or whether, it is done");
  return {value(id).dtype, value(id).shape, may_be_constant ? constant(id) : nullptr, id};
}

ValueId ResolveContext::integer(std::int64_t value) {
  return add_constant(Tensor::scalar(DType::kInt64, value));
}

std::vector<ValueId> ResolveContext::unstack(ValueId id, std::int64_t axis) {
  using Ints = std::vector<std::int64_t>;
  const int rank = shape(id).rank();
  check(axis >= -rank && axis < rank, "axis ", axis, " is out of range for rank ", rank);
  const std::int64_t at = axis < 0 ? axis + rank : axis;
  const std::int64_t count = shape(id)[static_cast<int>(at)];
  if (count == 0) {
    return {};
  }
  std::vector<ValueId> parts = {id};
  if (count > 1) {
    parts = emit("Split", {id}, static_cast<int>(count),
                 {{"axis", at}, {"split", Ints(static_cast<std::size_t>(count), 1)}});
  }
  for (ValueId& part : parts) {
    part = emit_one("Squeeze", {part}, {{"axes", Ints{at}}});
  }
  return parts;
}

ValueId ResolveContext::stack(const std::vector<ValueId>& values, std::int64_t axis) {
  using Ints = std::vector<std::int64_t>;
  TEMPER_ASSERT(!values.empty());
  const int rank = shape(values.front()).rank() + 1;
  check(axis >= -rank && axis < rank, "axis ", axis, " is out of range for rank ", rank);
  const std::int64_t at = axis < 0 ? axis + rank : axis;
  std::vector<ValueId> parts;
  for (const ValueId one : values) {
    parts.push_back(emit_one("Unsqueeze", {one}, {{"axes", Ints{at}}}));
  }
  return parts.size() == 1 ? parts.front() : emit_one("Concat", std::move(parts), {{"axis", at}});
}

}  // namespace temper::graph
