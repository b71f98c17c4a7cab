// Forward propagation of "which axis is the batch", one rule per kind of op.
#include "graph/passes/rebatch.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include "graph/ir/op_def.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

using Axis = std::optional<std::int64_t>;
using Ints = std::vector<std::int64_t>;

constexpr const char* kAdvice =
    "; export the model with a dynamic batch instead (dynamic_shapes in torch.onnx.export)";

class Rebatcher {
 public:
  Rebatcher(Graph& graph, std::int64_t from, std::int64_t to)
      : graph_(graph), from_(from), to_(to), axes_(static_cast<std::size_t>(graph.value_count())) {}

  void run() {
    bool any = false;
    for (const ValueId id : graph_.inputs) {
      Value& input = graph_.value(id);
      if (input.dims.empty() || input.dims[0].value != from_) {
        continue;
      }
      input.dims[0] = to_ < 0 ? Dim{-1, "batch"} : Dim{to_, {}};
      input.shape[0] = to_;
      input.shape_known =
          input.rank_known && std::all_of(input.dims.begin(), input.dims.end(),
                                          [](const Dim& d) { return d.value >= 0; });
      axis(id) = 0;
      any = true;
    }
    TEMPER_CHECK(any, ErrorCode::kInvalidArgument, "no input of the model has the batch size ",
                 from_);
    for (int i = 0; i < graph_.node_count(); ++i) {
      const NodeId id{i};
      if (!graph_.node(id).removed) {
        const Axis out = follow(id);
        for (const ValueId output : graph_.node(id).outputs) {
          if (output.valid()) {
            axis(output) = out;
          }
        }
      }
    }
  }

 private:
  Axis& axis(ValueId id) {
    const auto index = static_cast<std::size_t>(id.index);
    if (index >= axes_.size()) {
      axes_.resize(index + 1);  // constants made on the way
    }
    return axes_[index];
  }

  Axis input_axis(const Node& node, std::size_t i) {
    return i < node.inputs.size() && node.inputs[i].valid() ? axis(node.inputs[i]) : Axis{};
  }

  // The integers of an attribute or of constant input i.
  std::optional<Ints> ints(const Node& node, std::string_view name, std::size_t i) const {
    if (i < node.inputs.size() && node.inputs[i].valid()) {
      const Value& value = graph_.value(node.inputs[i]);
      return value.kind == ValueKind::kConstant
                 ? std::optional<Ints>(value.constant.values<std::int64_t>())
                 : std::nullopt;
    }
    return node.attrs.has(name) ? std::optional<Ints>(node.attrs.get_ints(name)) : std::nullopt;
  }

  Axis follow(NodeId id) {
    const Node& node = graph_.node(id);
    const std::string& op = node.op->name();
    const Axis data = input_axis(node, 0);
    if (op == "Shape" || op == "Size" || op == "ConstantOfShape" || op == "Range") {
      return {};
    }
    if (op == "Gather") {
      return gather(node, data);
    }
    if (op == "Reshape" || op == "Expand") {
      return data ? retarget(id, *data, op == "Expand") : Axis{};
    }
    if (op == "Transpose") {
      return transpose(node, data);
    }
    if (op == "Squeeze" || op == "Unsqueeze") {
      return squeeze(node, data, op == "Squeeze");
    }
    if (op.starts_with("Reduce") || op == "ArgMax") {
      return reduce(node, data);
    }
    if (op == "Flatten") {
      return data && *data == 0 && node.attrs.get_int("axis", 1) != 0 ? data : Axis{};
    }
    if (op == "Concat" && data && node.attrs.get_int("axis", 0) == *data) {
      return {};
    }
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (const Axis found = input_axis(node, i)) {
        return found;  // elementwise, Conv, pooling, MatMul, Gemm, ...: the batch stays where it is
      }
    }
    return {};
  }

  Axis gather(const Node& node, Axis data) {
    const std::int64_t along = node.attrs.get_int("axis", 0);
    if (const Axis indices = input_axis(node, 1); indices && !data && along >= 0) {
      return along + *indices;
    }
    return data && (along > *data || along < 0) ? data : Axis{};
  }

  static Axis transpose(const Node& node, Axis data) {
    if (!data) {
      return {};
    }
    const Ints perm = node.attrs.get_ints("perm");
    const auto found = std::find(perm.begin(), perm.end(), *data);
    return found == perm.end() ? Axis{} : Axis{found - perm.begin()};
  }

  Axis squeeze(const Node& node, Axis data, bool removes) const {
    if (!data) {
      return {};
    }
    const std::optional<Ints> axes = ints(node, "axes", 1);
    if (!axes || axes->empty()) {
      TEMPER_CHECK(!removes || from_ != 1, ErrorCode::kUnsupported, node.origin,
                   " removes all dimensions of size 1, the batch among them", kAdvice);
      return data;
    }
    std::int64_t out = *data;
    Ints sorted = *axes;
    std::sort(sorted.begin(), sorted.end());
    for (const std::int64_t at : sorted) {
      if (at < 0) {
        continue;  // counted from the end: behind the batch
      }
      TEMPER_CHECK(!removes || at != *data, ErrorCode::kUnsupported, node.origin,
                   " removes the batch dimension", kAdvice);
      out += removes ? (at < *data ? -1 : 0) : (at <= out ? 1 : 0);
    }
    return out;
  }

  Axis reduce(const Node& node, Axis data) const {
    if (!data) {
      return {};
    }
    const std::optional<Ints> axes =
        node.op->name() == "ArgMax" ? Ints{node.attrs.get_int("axis", 0)} : ints(node, "axes", 1);
    if (!axes || axes->empty()) {
      return node.attrs.get_int("noop_with_empty_axes", 0) != 0 ? data : Axis{};
    }
    std::int64_t out = *data;
    for (const std::int64_t at : *axes) {
      if (at == *data) {
        return {};
      }
      out -= node.attrs.get_int("keepdims", 1) == 0 && at >= 0 && at < *data ? 1 : 0;
    }
    return out;
  }

  // Reshape and Expand with a constant target: the batch's entry becomes "as the input".
  Axis retarget(NodeId id, std::int64_t at, bool expand) {
    const Node& node = graph_.node(id);
    std::optional<Ints> target = ints(node, "shape", 1);
    if (!target) {
      return at;  // computed from the input's shape: follows by itself
    }
    const auto index = static_cast<std::size_t>(at);
    const bool copies_zero = node.attrs.get_int("allowzero", 0) == 0;
    const std::int64_t entry = index < target->size() ? (*target)[index] : from_ + 1;
    if (expand ? entry == 1 && from_ != 1 : entry == -1 || (entry == 0 && copies_zero)) {
      return at;
    }
    TEMPER_CHECK(entry == from_, ErrorCode::kUnsupported, node.origin, " has the constant target [",
                 join(*target, ","), "], which puts the batch size ", from_,
                 " into another dimension", kAdvice);
    (*target)[index] = 0;
    bool copy_zero = copies_zero;
    if (expand) {
      (*target)[index] = 1;
    } else if (!copies_zero) {
      const bool has_rest = std::count(target->begin(), target->end(), -1) > 0;
      const bool has_zero = std::count(target->begin(), target->end(), 0) > 1;
      TEMPER_CHECK(!has_rest || !has_zero, ErrorCode::kUnsupported, node.origin,
                   " has a target with -1 and 0, which leaves no way to write any batch size",
                   kAdvice);
      (*target)[index] = has_rest ? 0 : -1;
      copy_zero = has_rest;
    }
    Node& changed = graph_.node(id);
    if (!expand) {
      changed.attrs.set("allowzero", std::int64_t{!copy_zero});
    }
    if (changed.inputs.size() > 1 && changed.inputs[1].valid()) {
      // A constant of its own: other nodes may read the old one.
      const auto count = static_cast<std::int64_t>(target->size());
      const ValueId fresh =
          graph_.add_constant("", Tensor::from<std::int64_t>(DType::kInt64, {count}, *target));
      graph_.node(id).inputs[1] = fresh;
    } else {
      changed.attrs.set("shape", *target);
    }
    return at;
  }

  Graph& graph_;
  std::int64_t from_;
  std::int64_t to_;
  std::vector<Axis> axes_;
};

}  // namespace

void rebatch(Graph& graph, std::int64_t from, std::int64_t to) {
  TEMPER_CHECK(from > 0, ErrorCode::kInvalidArgument, "a batch size of ", from,
               " cannot be replaced");
  if (from != to) {
    Rebatcher(graph, from, to).run();
  }
}

}  // namespace temper::graph
