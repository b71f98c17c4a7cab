#include "graph/passes/integer_regions.h"

#include <algorithm>
#include <map>
#include <optional>

#include "graph/ir/builder.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/op_def.h"
#include "graph/ir/walk.h"
#include "graph/passes/evaluate.h"
#include "graph/passes/fuse_relu.h"
#include "graph/passes/integer_roundings.h"
#include "graph/passes/integer_weights.h"
#include "graph/passes/results.h"
#include "graph/passes/settled_values.h"
#include "runtime/base/one_number.h"

namespace temper::graph {
namespace {

// Inputs of the products of bytes.
enum ProductInput : std::size_t { kX, kXScale, kXZero, kW, kWScale, kBias, kYScale, kYZero };
constexpr std::size_t kProductInputs = 8;

// u8 numbers that stand for (value - zero) scale.
struct Bytes {
  ValueId value, scale, zero;
};

class IntegerRegions {
 public:
  IntegerRegions(Graph& graph, const Backend& backend)
      : graph_(graph), backend_(backend), settled_(settled_values(graph)) {}

  void run() {
    const std::vector<NodeId> order = topological_order(graph_);
    const bool any = std::any_of(order.begin(), order.end(), [&](NodeId id) {
      const Node& node = graph_.node(id);
      return is_product(graph_, node) && reads_rounded(graph_, node.inputs[0]) &&
             integer_weight(graph_, node, settled_).has_value();
    });
    if (!any) {
      return;
    }
    for (const NodeId id : order) {
      visit(id);
    }
    join_what_is_left();
  }

 private:
  const Node& producer(ValueId id) const { return graph_.node(graph_.value(id).producer); }
  bool is_made(ValueId id) const { return graph_.value(id).kind == ValueKind::kNode; }
  bool is_float32(ValueId id) const { return graph_.value(id).dtype == DType::kFloat32; }

  // By a node or as a result, once.
  bool is_read_once(ValueId id) const {
    std::ptrdiff_t count = is_result(graph_, id) ? 1 : 0;
    for (int i = 0; i < graph_.node_count() && count < 2; ++i) {
      const Node& node = graph_.node(NodeId{i});
      count += node.removed ? 0 : std::count(node.inputs.begin(), node.inputs.end(), id);
    }
    return count == 1;
  }

  bool runs_well(ValueId made) const {
    const OpQuery query = make_query(graph_, graph_.value(made).producer, 1);
    const auto& rows = backend_.kernels().rows(query.op);
    return std::any_of(rows.begin(), rows.end(), [&](const auto& row) {
      return row->family() != "reference" && row->supports(query).ok;
    });
  }

  // What was made, or nothing where the backend has no kernel for it.
  ValueId if_it_runs_well(ValueId made) {
    if (!runs_well(made)) {
      graph_.remove_node(graph_.value(made).producer);
      return {};
    }
    return made;
  }

  void visit(NodeId id) {
    const Node node = graph_.node(id);  // a copy: nodes move
    if (node.removed || node.outputs.empty() || !node.outputs[0].valid()) {
      return;
    }
    Builder b(graph_, node.origin);
    if (is_round_trip(graph_, node)) {
      Bytes bytes{{}, node.inputs[1], zero_of(b, node)};
      bytes.value = rounded(b, node, bytes);
      replace(id, node.outputs[0], widened(b, bytes));
    } else if (is_rounding(graph_, node)) {
      const Bytes bytes{{}, node.inputs[1], zero_of(b, node)};
      replace(id, node.outputs[0], rounded(b, node, bytes));
    } else if (is_unrounding(graph_, node)) {
      bytes_[node.outputs[0]] = {node.inputs[0], node.inputs[1], zero_of(b, node)};
    } else if (is_product(graph_, node)) {
      multiply(b, id, node);
    } else if (!extend_product(b, id, node)) {
      move(b, id, node);
    }
  }

  // A zero point of u8.
  ValueId zero_of(Builder& b, const Node& node) const {
    const bool is_signed = node.attrs.get_string("quantized", "") == to_string(DType::kInt8);
    if (!has_operand(node, 2)) {
      return b.scalar(DType::kUInt8, is_signed ? 128 : 0);
    }
    if (!is_signed) {
      return node.inputs[2];
    }
    const float zero = graph_.value(node.inputs[2]).constant.values<float>().front();
    return b.scalar(DType::kUInt8, static_cast<double>(zero) + 128);
  }

  ValueId widened(Builder& b, const Bytes& bytes) {
    const ValueId made = b.op("DequantizeLinear", {bytes.value, bytes.scale, bytes.zero});
    bytes_[made] = bytes;
    return made;
  }

  void replace(NodeId id, ValueId before, ValueId after) {
    if (before == after) {
      return;
    }
    graph_.value(before).name.swap(graph_.value(after).name);
    graph_.remove_node(id);
    graph_.replace_uses(before, after);
  }

  const Bytes* bytes_of(ValueId id) const {
    const auto found = bytes_.find(id);
    return found == bytes_.end() ? nullptr : &found->second;
  }

  // What the node rounds, as bytes with the scale and zero point of `to`.
  ValueId rounded(Builder& b, const Node& node, const Bytes& to) {
    const ValueId x = node.inputs[0];
    if (is_made(to.scale) && producer(to.scale).op->movement == Movement::kRound &&
        producer(to.scale).inputs[0] == x && is_made(to.zero) &&
        graph_.value(to.zero).producer == graph_.value(to.scale).producer) {
      const NodeId dynamic = graph_.value(to.scale).producer;  // by the range of x
      const ValueId made = graph_.ensure_output(dynamic, 0);
      infer_node(graph_, dynamic);
      return made;
    }
    if (products_.contains(x) && is_read_once(x)) {
      return rounded_product(x, to);
    }
    for (const ValueId made : {sum_of_bytes(b, x, to), joined_bytes(b, x, to)}) {
      if (made.valid()) {
        return made;
      }
    }
    return b.op("QuantizeLinear", {x, to.scale, to.zero});
  }

  ValueId rounded_product(ValueId x, const Bytes& to) {
    const NodeId id = graph_.value(x).producer;
    graph_.node(id).inputs.resize(kProductInputs);
    graph_.node(id).inputs[kYScale] = to.scale;
    graph_.node(id).inputs[kYZero] = to.zero;
    infer_node(graph_, id);
    products_.erase(x);
    return x;
  }

  // A sum of two, or one alone, behind a Relu or not.
  ValueId sum_of_bytes(Builder& b, ValueId x, const Bytes& to) {
    Rectifier rectifier;
    if (is_made(x) && bytes_of(x) == nullptr) {
      if (const auto found = rectifier_in(producer(x)); found && is_read_once(x)) {
        rectifier = *found;
        x = producer(x).inputs[0];
      }
    }
    Attrs attrs;
    set_rectifier(attrs, rectifier);
    if (const Bytes* one = bytes_of(x)) {
      return if_it_runs_well(
          b.op("IntegerAdd", {to.scale, to.zero, one->value, one->scale, one->zero}, attrs));
    }
    if (!is_made(x) || producer(x).op->arithmetic != Arithmetic::kAdd || !is_read_once(x) ||
        rectifier_of(producer(x).attrs).on) {
      return {};
    }
    const Bytes *one = bytes_of(producer(x).inputs[0]), *other = bytes_of(producer(x).inputs[1]);
    if (one == nullptr || other == nullptr || b.shape(one->value) != b.shape(other->value)) {
      return {};
    }
    return if_it_runs_well(b.op("IntegerAdd",
                                {to.scale, to.zero, one->value, one->scale, one->zero, other->value,
                                 other->scale, other->zero},
                                attrs));
  }

  // Joined of parts that are rescaled each.
  ValueId joined_bytes(Builder& b, ValueId x, const Bytes& to) {
    if (!is_made(x) || producer(x).op->movement != Movement::kJoin || !is_read_once(x)) {
      return {};
    }
    const Node node = producer(x);
    const bool all = std::all_of(node.inputs.begin(), node.inputs.end(), [&](ValueId part) {
      return part.valid() && bytes_of(part) != nullptr;
    });
    std::vector<ValueId> parts;
    for (std::size_t i = 0; all && i < node.inputs.size(); ++i) {
      const Bytes part = *bytes_of(node.inputs[i]);
      parts.push_back(b.op("IntegerAdd", {to.scale, to.zero, part.value, part.scale, part.zero}));
    }
    return all ? b.op(node.op->name(), parts, node.attrs) : ValueId{};
  }

  void multiply(Builder& b, NodeId id, const Node& node) {
    ValueId x = node.inputs[0];
    const bool divided = is_made(x) && producer(x).op->arithmetic == Arithmetic::kDivide;
    const Bytes* bytes = bytes_of(divided ? producer(x).inputs[0] : x);
    if (bytes == nullptr || (divided && producer(x).inputs[1] != bytes->scale)) {
      return;
    }
    auto weight = integer_weight(graph_, node, settled_);
    if (!weight) {
      return;
    }
    const Shape& y = graph_.value(node.outputs[0]).shape;
    const bool is_matrix = node.op->linear == Linear::kMatrix;
    const std::int64_t outputs = y[is_matrix ? y.rank() - 1 : 1];
    if (has_operand(node, 2) && graph_.value(node.inputs[2]).shape.element_count() != outputs) {
      return;
    }
    std::vector<ValueId> inputs(kProductInputs - 2);
    inputs[kX] = bytes->value;
    inputs[kXScale] = divided ? ValueId{} : bytes->scale;
    inputs[kXZero] = bytes->zero;
    inputs[kW] = weight->value.valid() ? weight->value
                                       : graph_.add_constant({}, std::move(weight->constant));
    inputs[kWScale] = weight->scale;
    if (has_operand(node, 2)) {
      inputs[kBias] = b.reshape(node.inputs[2], Shape{outputs});
    }
    Attrs attrs = node.attrs;
    if (is_matrix) {
      attrs = {{"transB", std::int64_t{weight->transposed}}};
      set_rectifier(attrs, rectifier_of(node.attrs));
    }
    const ValueId made = if_it_runs_well(is_matrix ? b.op("IntegerMatMul", inputs, attrs)
                                                   : b.op("IntegerConv", inputs, attrs));
    if (made.valid()) {
      products_.insert({made, is_matrix});
      replace(id, node.outputs[0], made);
    }
  }

  // A factor of the product's sums, a bias or a Relu that follows a product of bytes becomes part
  // of it.
  bool extend_product(Builder& b, NodeId id, const Node& node) {
    for (std::size_t i = 0; i < node.inputs.size() && i < 2; ++i) {
      const ValueId x = node.inputs[i];
      const auto found = products_.find(x);
      if (found == products_.end() || !is_read_once(x) || rectifier_of(producer(x).attrs).on ||
          !is_float32(node.outputs[0])) {
        continue;
      }
      const NodeId product = graph_.value(x).producer;
      if (const auto rectifier = rectifier_in(node)) {
        set_rectifier(graph_.node(product).attrs, *rectifier);
        replace(id, node.outputs[0], x);
        return true;
      }
      const bool scales = node.op->arithmetic == Arithmetic::kMultiply;
      const std::size_t input = scales ? kWScale : kBias;
      if ((!scales && node.op->arithmetic != Arithmetic::kAdd) || node.inputs.size() != 2 ||
          rectifier_of(node.attrs).on || has_operand(graph_.node(product), input) ||
          (scales && (has_operand(graph_.node(product), kXScale) ||
                      has_operand(graph_.node(product), kBias)))) {
        continue;
      }
      const ValueId other = per_output(b, node.inputs[1 - i], x, found->second, scales);
      if (other.valid()) {
        graph_.node(product).inputs[input] = other;
        replace(id, node.outputs[0], x);
        return true;
      }
    }
    return false;
  }

  // A tensor that has one number for each output of a product, in one dimension; or one for all,
  // where that will do.
  ValueId per_output(Builder& b, ValueId id, ValueId product, bool is_matrix, bool takes_one) {
    const Shape given = b.shape(id), y = b.shape(product);
    const int axis = is_matrix ? y.rank() - 1 : 1;
    if (!is_float32(id) || given.rank() > y.rank()) {
      return {};
    }
    if (takes_one && is_one_number(graph_.value(id).shape)) {
      return id;
    }
    const int at = axis - (y.rank() - given.rank());
    return at >= 0 && given[at] == y[axis] && given.element_count() == y[axis]
               ? b.reshape(id, Shape{y[axis]})
               : ValueId{};
  }

  // The same of bytes, where the node only moves elements or takes the largest.
  void move(Builder& b, NodeId id, const Node& node) {
    const Bytes* found = node.inputs.empty() ? nullptr : bytes_of(node.inputs[0]);
    const bool moves = node.op->is_reshape() || node.op->movement == Movement::kPermute;
    if (found == nullptr || node.outputs.size() != 1 ||
        (!moves && !node.attrs.has("storage_order"))) {
      return;
    }
    Bytes bytes = *found;
    std::vector<ValueId> inputs = node.inputs;
    inputs[0] = bytes.value;
    bytes.value = b.op(node.op->name(), inputs, node.attrs);
    if (node.op->is_reshape() || if_it_runs_well(bytes.value).valid()) {
      replace(id, node.outputs[0], widened(b, bytes));
    }
  }

  // Roundings that nobody reads as bytes are round trips again.
  void join_what_is_left() {
    const std::map<ValueId, Bytes> all = bytes_;
    for (const auto& [value, bytes] : all) {
      if (!is_made(bytes.value) || !is_made(value)) {
        continue;
      }
      const NodeId back = graph_.value(value).producer;
      const Node rounding = producer(bytes.value);
      if (graph_.node(back).removed || !is_rounding(graph_, rounding) ||
          !is_read_once(bytes.value)) {
        continue;
      }
      Builder b(graph_, rounding.origin);
      replace(back, value,
              b.op("QuantizeDequantize", {rounding.inputs[0], bytes.scale, bytes.zero},
                   {{"quantized", std::string(to_string(DType::kUInt8))}}));
    }
  }

  Graph& graph_;
  const Backend& backend_;
  std::vector<bool> settled_;         // of the values before the pass
  std::map<ValueId, Bytes> bytes_;    // floats that are bytes widened
  std::map<ValueId, bool> products_;  // floats of products of bytes, whether of matrices
};

}  // namespace

void use_integer_regions(Graph& graph, const Backend& backend) {
  IntegerRegions(graph, backend).run();
}

}  // namespace temper::graph
