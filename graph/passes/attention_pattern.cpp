#include "graph/passes/attention_pattern.h"

#include <algorithm>
#include <limits>

#include "graph/ir/builder.h"
#include "graph/ir/op_def.h"
#include "graph/passes/evaluate.h"
#include "runtime/base/dtype_visit.h"

namespace temper::graph {
namespace {

bool is_product(const OpDef& op) { return op.linear == Linear::kMatrix && op.is_bare_product(); }

bool is_choice(const Node& node) {
  const auto call =
      node.op->functor_function == nullptr ? std::nullopt : node.op->functor_function(node.attrs);
  return call && call->functor == Functor::kWhere && node.inputs.size() == 3;
}

class Reading {
 public:
  Reading(const Graph& graph, const Readers& readers, const Backend& reference)
      : graph_(graph), readers_(readers), reference_(reference) {}

  std::optional<AttentionPattern> around(NodeId id) {
    const Node& softmax = graph_.node(id);
    const ValueId scores = softmax.inputs.front();
    const int rank = shape(scores).rank();
    if (softmax.op->activation != Activation::kSoftmax || rank < 3 ||
        softmax.attrs.get_int("axis", -1) != rank - 1 || !read_shares(softmax.outputs.front()) ||
        !read_scores(scores)) {
      return std::nullopt;
    }
    return found_;
  }

 private:
  const Shape& shape(ValueId id) const { return graph_.value(id).shape; }
  // None for values that were made since.
  const std::vector<NodeId>& readers_of(ValueId id) const {
    static const std::vector<NodeId> none;
    const auto at = static_cast<std::size_t>(id.index);
    return at < readers_.size() ? readers_[at] : none;
  }
  bool is_given(ValueId id) const {
    const auto is_it = [&](const auto& other) { return other.value == id; };
    return std::any_of(graph_.outputs.begin(), graph_.outputs.end(), is_it) ||
           std::any_of(graph_.updates.begin(), graph_.updates.end(), is_it);
  }
  // By one node, and by nobody outside the graph.
  bool used_once(ValueId id) const { return readers_of(id).size() == 1 && !is_given(id); }
  const Node* producer(ValueId id) const {
    const Value& value = graph_.value(id);
    return value.kind == ValueKind::kNode ? &graph_.node(value.producer) : nullptr;
  }

  // Downwards from the softmax: what puts 0 in the place of NaN, what drops, the product with v.
  bool read_shares(ValueId at) {
    while (true) {
      if (const ValueId guarded = behind_guard(at); guarded.valid()) {
        found_.zero_rows = true;
        at = guarded;
        continue;
      }
      if (!used_once(at)) {
        return false;
      }
      const NodeId id = readers_of(at).front();
      const Node& reader = graph_.node(id);
      if (is_product(*reader.op)) {
        found_.product = id;
        found_.v = reader.inputs[1];
        return reader.inputs[0] == at && reader.inputs[1] != at;
      }
      const bool drops = reader.op->movement == Movement::kDrop && reader.op->is_stateful &&
                         !found_.dropout.valid() && reader.inputs[0] == at;
      if (!drops || (reader.outputs.size() > 1 && reader.outputs[1].valid() &&
                     (!readers_of(reader.outputs[1]).empty() || is_given(reader.outputs[1])))) {
        return false;
      }
      found_.dropout = id;
      at = reader.outputs.front();
    }
  }

  // The output of Where(is NaN(at), 0, at), if those two nodes alone read `at`.
  ValueId behind_guard(ValueId at) const {
    const std::vector<NodeId>& readers = readers_of(at);
    if (readers.size() != 2 || is_given(at)) {
      return {};
    }
    for (const std::size_t i : {std::size_t{0}, std::size_t{1}}) {
      const Node& choice = graph_.node(readers[i]);
      const Node& test = graph_.node(readers[1 - i]);
      if (is_choice(choice) && choice.inputs[0] == test.outputs.front() && choice.inputs[2] == at &&
          number_of(graph_, choice.inputs[1]) == 0.0 && used_once(test.outputs.front()) &&
          finds_nan(test)) {
        return choice.outputs.front();
      }
    }
    return {};
  }

  // Of shares, which lie between 0 and 1 or are NaN.
  bool finds_nan(const Node& test) const {
    if (test.inputs.size() != 1 || test.outputs.size() != 1 || !test.bodies.empty() ||
        graph_.value(test.outputs.front()).dtype != DType::kBool) {
      return false;
    }
    const DType dtype = graph_.value(test.inputs.front()).dtype;
    Graph part(graph_.registry());
    Builder builder(part, test.origin);
    const ValueId x = part.add_input("shares", dtype, Shape{4});
    const ValueId y = builder.op(test.op->name(), {x}, test.attrs);
    const std::vector<double> shares = {std::numeric_limits<double>::quiet_NaN(), 0, 0.5, 1};
    const Tensor probe = Tensor::from<double>(dtype, Shape{4}, shares);
    return evaluate(part, reference_, {{x, probe}}, {y}).front().values<double>() ==
           std::vector<double>{1, 0, 0, 0};
  }

  // Upwards from the softmax: biases and what hides keys, then factors, then the product of q and
  // k.
  bool read_scores(ValueId at) {
    while (used_once(at)) {
      const Node* node = producer(at);
      if (node == nullptr) {
        return false;
      }
      if (is_product(*node->op)) {
        found_.q = without_factor(node->inputs[0]);
        found_.k = without_factor(node->inputs[1]);
        return parts_.rank() == 0;
      }
      const ValueId next = before(*node, at);
      if (!next.valid()) {
        return false;
      }
      at = next;
    }
    return false;
  }

  bool is_scaled() const { return found_.scale != 1 || !found_.factors.empty(); }

  // What the scores `at` were made of by one node more; an invalid id: by another kind of node.
  ValueId before(const Node& node, ValueId at) {
    if (node.op->arithmetic == Arithmetic::kAdd && !is_scaled()) {
      return before_bias(node, at);
    }
    if (is_choice(node) && !is_scaled()) {
      return before_choice(node, at);
    }
    if (node.op->is_reshape() && !is_scaled()) {
      return before_parting(node, at);
    }
    const ValueId inner = without_factor(at);
    return inner == at ? before_factor(node, at) : inner;
  }

  ValueId before_bias(const Node& node, ValueId at) {
    for (const std::size_t side : {std::size_t{0}, std::size_t{1}}) {
      if (shape(node.inputs[side]) == shape(at) && leads_to_product(node.inputs[side])) {
        found_.biases.push_back(node.inputs[1 - side]);
        found_.parted_biases += parts_.rank() > 0 ? 1 : 0;
        return node.inputs[side];
      }
    }
    return {};
  }

  ValueId before_choice(const Node& node, ValueId at) {
    for (const std::size_t side : {std::size_t{1}, std::size_t{2}}) {
      const auto fill = number_of(graph_, node.inputs[3 - side]);
      if (fill && shape(node.inputs[side]) == shape(at) && parts_.rank() == 0) {
        found_.hidden.push_back({node.inputs[0], side == 2, *fill});
        return node.inputs[side];
      }
    }
    return {};
  }

  // Scores whose axis 0 is parted for some biases, and joined again.
  ValueId before_parting(const Node& node, ValueId at) {
    const ValueId from = node.inputs.front();
    const Shape &here = shape(at), &there = shape(from);
    if (parts_.rank() > 0) {
      const bool joins = there == whole_;
      parts_ = joins ? Shape{} : parts_;
      return joins ? from : ValueId{};
    }
    bool parted = found_.parted.rank() == 0 && found_.biases.empty() && found_.hidden.empty() &&
                  there.rank() == here.rank() + 1 && there[0] * there[1] == here[0];
    for (int axis = 1; parted && axis < here.rank(); ++axis) {
      parted = there[axis + 1] == here[axis];
    }
    if (!parted) {
      return {};
    }
    found_.parted = parts_ = there;
    whole_ = here;
    return from;
  }

  // A factor that is one number for all scores of a head.
  ValueId before_factor(const Node& node, ValueId at) {
    if (node.op->arithmetic != Arithmetic::kMultiply || parts_.rank() > 0) {
      return {};
    }
    for (const std::size_t side : {std::size_t{0}, std::size_t{1}}) {
      const Shape& factor = shape(node.inputs[1 - side]);
      const int rank = factor.rank();
      const bool per_head =
          rank < 1 || (factor[rank - 1] == 1 && (rank < 2 || factor[rank - 2] == 1));
      if (shape(node.inputs[side]) == shape(at) && per_head) {
        found_.factors.push_back(node.inputs[1 - side]);
        return node.inputs[side];
      }
    }
    return {};
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
        const auto factor = number_of(graph_, node->inputs[at]);
        const ValueId other = node->inputs[1 - at];
        if (factor && shape(other) == shape(id) &&
            (at == 1 || arithmetic == Arithmetic::kMultiply)) {
          scale *= arithmetic == Arithmetic::kDivide ? 1 / *factor : *factor;
          return other;
        }
      }
    }
    return id;
  }
  ValueId without_factor(ValueId id) { return without_factor(id, found_.scale); }

  // Through what may stand between a bias and the product.
  bool leads_to_product(ValueId id, int steps = 8) const {
    const Node* node = producer(id);
    if (node == nullptr || steps == 0) {
      return false;
    }
    if (is_product(*node->op)) {
      return true;
    }
    const Arithmetic arithmetic = node->op->arithmetic;
    const bool wraps = node->op->is_reshape() || arithmetic == Arithmetic::kAdd ||
                       arithmetic == Arithmetic::kMultiply || arithmetic == Arithmetic::kDivide;
    const std::int64_t count = shape(id).element_count();
    return wraps && std::any_of(node->inputs.begin(), node->inputs.end(), [&](ValueId input) {
             return input.valid() && shape(input).element_count() == count &&
                    leads_to_product(input, steps - 1);
           });
  }

  const Graph& graph_;
  const Readers& readers_;
  const Backend& reference_;
  AttentionPattern found_;
  Shape parts_, whole_;  // while what is read is parted
};

}  // namespace

std::optional<double> number_of(const Graph& graph, ValueId id) {
  const Value& value = graph.value(id);
  if (value.kind != ValueKind::kConstant || value.shape.element_count() != 1 ||
      (value.dtype != DType::kFloat32 && value.dtype != DType::kFloat64)) {
    return std::nullopt;
  }
  return visit_float(value.dtype, [&]<class T>() {
    return static_cast<double>(*static_cast<const T*>(value.constant.data()));
  });
}

std::optional<AttentionPattern> find_attention(const Graph& graph, const Readers& readers,
                                               const Backend& reference, NodeId softmax) {
  return Reading(graph, readers, reference).around(softmax);
}

}  // namespace temper::graph
