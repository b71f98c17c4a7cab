#include "graph/passes/fuse_attention.h"

#include <algorithm>
#include <optional>

#include "graph/ir/builder.h"
#include "graph/ir/op_def.h"
#include "graph/ir/stored_value.h"
#include "graph/ir/walk.h"
#include "graph/passes/evaluate.h"
#include "runtime/base/dtype_visit.h"

namespace temper::graph {
namespace {

// What is added to a score to hide a key: exporters write -inf or a type's lowest number.
constexpr double kHidden = -1e30;
constexpr std::int64_t kLargestMask = std::int64_t{1} << 24;

bool is_product(const OpDef& op) { return op.linear == Linear::kMatrix && op.is_bare_product(); }

// The one element of a constant.
std::optional<double> number(const Graph& graph, ValueId id) {
  const Value& value = graph.value(id);
  if (value.kind != ValueKind::kConstant || value.shape.element_count() != 1 ||
      (value.dtype != DType::kFloat32 && value.dtype != DType::kFloat64)) {
    return std::nullopt;
  }
  return visit_float(value.dtype, [&]<class T>() {
    return static_cast<double>(*static_cast<const T*>(value.constant.data()));
  });
}

class AttentionFusion {
 public:
  AttentionFusion(Graph& graph, const Backend& reference)
      : graph_(graph), reference_(reference), users_(users(graph)) {}

  void try_fuse(NodeId id) {
    const Node& softmax = graph_.node(id);
    const ValueId scores = softmax.inputs.front();
    const int rank = graph_.value(scores).shape.rank();
    const ValueId shares = softmax.outputs.front();
    if (softmax.op->activation != Activation::kSoftmax || rank < 3 ||
        softmax.attrs.get_int("axis", -1) != rank - 1 || !used_once(shares)) {
      return;
    }
    const NodeId second = users_of(shares).front();
    const Node& values = graph_.node(second);
    Pattern found;
    if (!is_product(*values.op) || values.inputs[0] != shares || values.inputs[1] == shares ||
        !read_scores(scores, found)) {
      return;
    }
    found.v = values.inputs[1];
    if (fits(found)) {
      replace(second, found);
    }
  }

 private:
  struct Pattern {
    ValueId q, k, v, bias;
    double scale = 1;
    bool k_transposed = true;
  };

  // None for values that were made since.
  std::vector<NodeId> users_of(ValueId id) const {
    const auto at = static_cast<std::size_t>(id.index);
    return at < users_.size() ? users_[at] : std::vector<NodeId>{};
  }
  // By one node, and by nobody outside the graph.
  bool used_once(ValueId id) const {
    const auto is_it = [&](const auto& other) { return other.value == id; };
    return users_of(id).size() == 1 &&
           std::none_of(graph_.outputs.begin(), graph_.outputs.end(), is_it) &&
           std::none_of(graph_.updates.begin(), graph_.updates.end(), is_it);
  }
  const Node* producer(ValueId id) const {
    const Value& value = graph_.value(id);
    return value.kind == ValueKind::kNode ? &graph_.node(value.producer) : nullptr;
  }

  // `id` as x times a constant: x, or `id` itself.
  ValueId without_factor(ValueId id, double& scale) const {
    const Node* node = producer(id);
    if (node == nullptr) {
      return id;
    }
    const Arithmetic arithmetic = node->op->arithmetic;
    if (arithmetic == Arithmetic::kMultiply || arithmetic == Arithmetic::kDivide) {
      for (const std::size_t at : {std::size_t{1}, std::size_t{0}}) {
        const auto factor = number(graph_, node->inputs[at]);
        const ValueId other = node->inputs[1 - at];
        if (factor && graph_.value(other).shape == graph_.value(id).shape &&
            (at == 1 || arithmetic == Arithmetic::kMultiply)) {
          scale *= arithmetic == Arithmetic::kDivide ? 1 / *factor : *factor;
          return other;
        }
      }
    }
    return id;
  }

  // Upwards from the softmax: a bias, then factors, then the product of q and k.
  bool read_scores(ValueId at, Pattern& found) const {
    while (used_once(at)) {
      const Node* node = producer(at);
      if (node == nullptr) {
        return false;
      }
      if (is_product(*node->op)) {
        found.q = without_factor(node->inputs[0], found.scale);
        found.k = without_factor(node->inputs[1], found.scale);
        return true;
      }
      if (node->op->arithmetic == Arithmetic::kAdd && !found.bias.valid() && found.scale == 1) {
        const std::size_t side = leads_to_product(node->inputs[0]) ? 0 : 1;
        found.bias = node->inputs[1 - side];
        at = node->inputs[side];
        if (graph_.value(at).shape != graph_.value(node->outputs.front()).shape ||
            depends_on_trained(found.bias)) {
          return false;
        }
        continue;
      }
      const ValueId inner = without_factor(at, found.scale);
      if (inner == at) {
        return false;
      }
      at = inner;
    }
    return false;
  }
  bool leads_to_product(ValueId id) const {
    double scale = 1;
    for (ValueId inner = without_factor(id, scale); inner != id;
         inner = without_factor(id, scale)) {
      id = inner;
    }
    const Node* node = producer(id);
    return node != nullptr && is_product(*node->op);
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
  bool depends_on_trained(ValueId id) const {
    return any_ancestor(id, [&](const Value& value) {
      return value.kind == ValueKind::kVariable && graph_.variable(value.variable).trainable;
    });
  }

  bool fits(const Pattern& p) const {
    const Shape& q = graph_.value(p.q).shape;
    const Shape& k = graph_.value(p.k).shape;
    const Shape& v = graph_.value(p.v).shape;
    bool same = k.rank() == q.rank() && v.rank() == q.rank() && is_float(graph_.value(p.q).dtype);
    for (int axis = 0; same && axis < q.rank() - 2; ++axis) {
      same = q[axis] == k[axis] && q[axis] == v[axis];
    }
    return same;
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
        (dtype != DType::kFloat32 && dtype != DType::kFloat64) ||
        any_ancestor(
            bias,
            [](const Value& value) {
              return value.kind == ValueKind::kVariable || value.kind == ValueKind::kInput;
            })) {
      return false;
    }
    const Tensor mask = graph_.value(bias).kind == ValueKind::kConstant
                            ? graph_.value(bias).constant
                            : evaluate(graph_, reference_, {}, {bias}).front();
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

  void replace(NodeId second, Pattern p) {
    if (const ValueId k = before_turn(p.k); k.valid()) {
      p.k = k;
      p.k_transposed = false;
    }
    const bool causal = p.bias.valid() && is_causal(p.bias);
    Attrs attrs{{"scale", p.scale},
                {"causal", std::int64_t{causal ? 1 : 0}},
                {"k_transposed", std::int64_t{p.k_transposed ? 1 : 0}}};
    Builder builder(graph_, graph_.node(second).origin);
    std::vector<ValueId> inputs = {p.q, p.k, p.v};
    if (p.bias.valid() && !causal) {
      inputs.push_back(p.bias);
    }
    const ValueId made = builder.op("FusedAttention", std::move(inputs), std::move(attrs));
    const ValueId outer = graph_.node(second).outputs.front();
    graph_.value(made).name.swap(graph_.value(outer).name);
    graph_.remove_node(second);
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
