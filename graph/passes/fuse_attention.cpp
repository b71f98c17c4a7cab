#include "graph/passes/fuse_attention.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "graph/ir/broadcast.h"
#include "graph/ir/builder.h"
#include "graph/ir/op_def.h"
#include "graph/ir/stored_value.h"
#include "graph/ir/walk.h"
#include "graph/passes/attention_pattern.h"
#include "graph/passes/evaluate.h"
#include "runtime/base/dtype_visit.h"

namespace temper::graph {
namespace {

// What is added to a score to hide a key: exporters write -inf or a type's lowest number.
constexpr double kHidden = -1e30;
constexpr std::int64_t kLargestMask = std::int64_t{1} << 24;

class AttentionFusion {
 public:
  AttentionFusion(Graph& graph, const Backend& reference)
      : graph_(graph), reference_(reference), users_(users(graph)) {}

  void try_fuse(NodeId id) {
    if (const auto found = find_attention(graph_, users_, reference_, id)) {
      if (fits(*found)) {
        replace(*found);
      }
    }
  }

 private:
  const Node* producer(ValueId id) const {
    const Value& value = graph_.value(id);
    return value.kind == ValueKind::kNode ? &graph_.node(value.producer) : nullptr;
  }

  // COST: linear in what stands before the value.
  template <class F>
  bool any_ancestor(ValueId id, const F& f) const {
    std::vector<ValueId> open = {id};
    std::vector<bool> seen(static_cast<std::size_t>(graph_.value_count()), false);
    while (!open.empty()) {
      const ValueId at = open.back();
      open.pop_back();
      if (!at.valid() || seen[static_cast<std::size_t>(at.index)]) {
        continue;
      }
      seen[static_cast<std::size_t>(at.index)] = true;
      if (f(graph_.value(at))) {
        return true;
      }
      if (const Node* node = producer(at)) {
        open.insert(open.end(), node->inputs.begin(), node->inputs.end());
      }
    }
    return false;
  }
  bool is_constant(ValueId id) const {
    return !any_ancestor(id, [](const Value& value) {
      return value.kind == ValueKind::kVariable || value.kind == ValueKind::kInput;
    });
  }
  Tensor constant(ValueId id) const {
    return graph_.value(id).kind == ValueKind::kConstant
               ? graph_.value(id).constant
               : evaluate(graph_, reference_, {}, {id}).front();
  }

  bool fits(const AttentionPattern& p) const {
    const Shape& q = graph_.value(p.q).shape;
    const Shape& k = graph_.value(p.k).shape;
    const Shape& v = graph_.value(p.v).shape;
    bool same = k.rank() == q.rank() && v.rank() == q.rank() && is_float(graph_.value(p.q).dtype);
    for (int axis = 0; same && axis < q.rank() - 2; ++axis) {
      same = q[axis] == k[axis] && q[axis] == v[axis];
    }
    for (const ValueId factor : p.factors) {
      const Shape& shape = graph_.value(factor).shape;
      same = same && shape.rank() <= q.rank() && broadcast(q, shape) == q;
    }
    // Dropped shares are counted along axis 0, which must stay what it is.
    return same && (p.parted.rank() == 0 || (!p.dropout.valid() && p.hidden.empty())) &&
           std::all_of(p.hidden.begin(), p.hidden.end(),
                       [&](const auto& hidden) { return is_hiding(hidden); });
  }

  // A number that is not infinite hides a key as well as -inf does where another one is seen.
  bool is_hiding(const AttentionPattern::Hidden& hidden) const {
    if (hidden.fill == -std::numeric_limits<double>::infinity()) {
      return true;
    }
    const Shape& shape = graph_.value(hidden.condition).shape;
    if (!(hidden.fill < kHidden) || shape.rank() < 1 || shape.element_count() > kLargestMask ||
        !is_constant(hidden.condition)) {
      return false;
    }
    const Tensor condition = constant(hidden.condition);
    const bool* at = static_cast<const bool*>(condition.data());
    const std::int64_t keys = shape[shape.rank() - 1];
    for (std::int64_t row = 0; row < shape.element_count(); row += keys) {
      if (std::find(at + row, at + row + keys, !hidden.hides) == at + row + keys) {
        return false;
      }
    }
    return true;
  }

  // k where `id` is k with its last two axes exchanged, by one transposition or by one between
  // reshapes that join and part the axes before them; an invalid id: it is not.
  ValueId before_turn(ValueId id) const {
    const Node* node = producer(id);
    if (node == nullptr) {
      return {};
    }
    const Shape& shape = graph_.value(id).shape;
    const int rank = shape.rank();
    if (turns(*node)) {
      return node->inputs.front();
    }
    if (!node->op->is_reshape()) {
      return {};
    }
    const Node* turn = producer(node->inputs.front());
    const Node* join = turn != nullptr && turns(*turn) ? producer(turn->inputs.front()) : nullptr;
    if (join == nullptr || !join->op->is_reshape()) {
      return {};
    }
    const Shape& joined = graph_.value(turn->inputs.front()).shape;
    const Shape& k = graph_.value(join->inputs.front()).shape;
    const int last = joined.rank() - 1;
    bool same = k.rank() == rank && k[rank - 2] == shape[rank - 1] &&
                k[rank - 1] == shape[rank - 2] && joined[last] == k[rank - 1] &&
                joined[last - 1] == k[rank - 2];
    for (int axis = 0; same && axis < rank - 2; ++axis) {
      same = k[axis] == shape[axis];
    }
    return same ? join->inputs.front() : ValueId{};
  }
  bool turns(const Node& node) const {
    const std::vector<std::int64_t> perm = node.attrs.get_ints("perm", {});
    const auto rank = static_cast<std::int64_t>(perm.size());
    if (node.op->movement != Movement::kPermute || rank < 2) {
      return false;
    }
    for (std::int64_t axis = 0; axis < rank; ++axis) {
      const std::int64_t wanted = axis < rank - 2 ? axis : axis == rank - 2 ? rank - 1 : rank - 2;
      if (perm[static_cast<std::size_t>(axis)] != wanted) {
        return false;
      }
    }
    return true;
  }

  // Whether the bias hides the keys behind each query's place, and nothing else.
  bool is_causal(ValueId bias) const {
    const Shape& shape = graph_.value(bias).shape;
    const DType dtype = graph_.value(bias).dtype;
    const int rank = shape.rank();
    if (rank < 2 || shape.element_count() != shape[rank - 1] * shape[rank - 2] ||
        shape.element_count() > kLargestMask || shape[rank - 2] < 2 ||
        (dtype != DType::kFloat32 && dtype != DType::kFloat64) || !is_constant(bias)) {
      return false;
    }
    const Tensor mask = constant(bias);
    return visit_float(dtype, [&]<class T>() {
      const T* at = static_cast<const T*>(mask.data());
      for (std::int64_t i = 0; i < shape[rank - 2]; ++i) {
        for (std::int64_t j = 0; j < shape[rank - 1]; ++j, ++at) {
          if (j <= i ? *at != 0 : !(static_cast<double>(*at) < kHidden)) {
            return false;
          }
        }
      }
      return true;
    });
  }

  // What is added to the scores, but for what is causal; an invalid id: nothing. Of parted scores
  // in the form that is added to those.
  ValueId added(Builder& b, const AttentionPattern& p, bool& causal) const {
    std::vector<ValueId> parts = p.biases;
    for (const auto& [condition, hides, fill] : p.hidden) {
      const DType dtype = graph_.value(p.q).dtype;
      const ValueId nothing = b.scalar(dtype, 0);
      const ValueId lowest = b.scalar(dtype, -std::numeric_limits<double>::infinity());
      parts.push_back(
          b.op("Where", {condition, hides ? lowest : nothing, hides ? nothing : lowest}));
    }
    ValueId sum;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      ValueId part = parts[i];
      if (!causal && p.parted.rank() == 0 && is_causal(part)) {
        causal = true;
        continue;
      }
      if (p.parted.rank() > 0 && i >= p.parted_biases) {
        part = parted_bias(b, part, p.parted);
      }
      sum = sum.valid() ? b.add(sum, part) : part;
    }
    return sum;
  }

  static ValueId parted_bias(Builder& b, ValueId bias, const Shape& parted) {
    const Shape shape = b.shape(bias);
    if (shape.rank() < parted.rank() - 1) {
      return bias;
    }
    Shape made = shape[0] == 1 ? Shape{} : Shape{parted[0], parted[1]};
    for (int axis = 1; axis < shape.rank(); ++axis) {
      made.push_back(shape[axis]);
    }
    return b.reshape(bias, made);
  }

  // Axis 0 as the scores have it.
  static ValueId part(Builder& b, ValueId x, const Shape& parted) {
    const Shape shape = b.shape(x);
    Shape made{parted[0], parted[1]};
    for (int axis = 1; axis < shape.rank(); ++axis) {
      made.push_back(shape[axis]);
    }
    return b.reshape(x, made);
  }

  void replace(const AttentionPattern& p) {
    bool causal = false, k_transposed = true;
    Builder b(graph_, graph_.node(p.product).origin);
    std::vector<ValueId> inputs = {p.q, p.k, p.v};
    for (const ValueId factor : p.factors) {
      inputs[0] = b.mul(inputs[0], factor);
    }
    if (const ValueId k = before_turn(p.k); k.valid()) {
      inputs[1] = k;
      k_transposed = false;
    }
    if (p.parted.rank() > 0) {
      for (ValueId& input : inputs) {
        input = part(b, input, p.parted);
      }
    }
    inputs.push_back(added(b, p, causal));
    Attrs attrs{{"scale", p.scale},
                {"causal", std::int64_t{causal}},
                {"k_transposed", std::int64_t{k_transposed}}};
    if (p.zero_rows) {
      attrs.set("zero_rows", std::int64_t{1});
    }
    if (p.dropout.valid()) {
      const Node& dropout = graph_.node(p.dropout);
      inputs.push_back(dropout.inputs[1]);
      attrs.set("ratio", dropout.attrs.get_double("ratio", 0.5));
      attrs.set("seed", dropout.attrs.get_int("seed", 0));
      attrs.set("random_id", dropout.attrs.get_int("random_id", 0));
    } else if (!inputs.back().valid()) {
      inputs.pop_back();
    }
    const ValueId outer = graph_.node(p.product).outputs.front();
    ValueId made = b.op("FusedAttention", std::move(inputs), std::move(attrs));
    if (p.parted.rank() > 0) {
      made = b.reshape(made, b.shape(outer));
    }
    graph_.value(made).name.swap(graph_.value(outer).name);
    graph_.remove_node(p.product);
    graph_.replace_uses(outer, made);
  }

  Graph& graph_;
  const Backend& reference_;
  std::vector<std::vector<NodeId>> users_;
};

}  // namespace

void fuse_attention(Graph& graph, const Backend& reference) {
  AttentionFusion fusion(graph, reference);
  for (const NodeId id : topological_order(graph)) {
    if (!graph.node(id).removed && !graph.node(id).outputs.empty() &&
        !graph.node(id).inputs.empty() && graph.node(id).outputs.front().valid() &&
        graph.node(id).inputs.front().valid()) {
      fusion.try_fuse(id);
    }
  }
}

}  // namespace temper::graph
