// Einsum: products of operands, summed over the indices the output does not have, as matrix
// products of one operand after the other.
#include <utility>

#include "graph/ir/batch_context.h"
#include "graph/ir/grad_context.h"
#include "graph/ops/einsum_terms.h"
#include "graph/ops/elementwise_rules.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

void infer_einsum(InferContext& c) {
  std::vector<Shape> shapes;
  for (int i = 0; i < c.input_count(); ++i) {
    require_number(c, i);
    c.require_same_dtype({0, i});
    shapes.push_back(c.shape(i));
  }
  c.check(c.attrs().has("equation"), "Einsum has no equation");
  const EinsumTerms terms = parse_einsum(c.attrs().get_string("equation", ""), shapes);
  c.set_output(0, c.dtype(0), terms.shape_of(terms.output));
}

// A value whose axes are these indices, each one once.
struct Operand {
  ValueId value;
  EinsumIndices indices;
};

class Contraction {
 public:
  Contraction(Builder& builder, const EinsumTerms& terms) : b_(builder), terms_(terms) {}

  Operand operand(ValueId value, const EinsumIndices& indices, const EinsumIndices& needed) {
    Operand made{value, indices};
    take_diagonals(made);
    drop_repeated_axes(made);
    return summed(std::move(made), needed);
  }

  // Sums over what is not needed.
  Operand summed(Operand made, const EinsumIndices& needed) {
    std::vector<std::int64_t> axes;
    EinsumIndices left;
    for (std::size_t i = 0; i < made.indices.size(); ++i) {
      if (contains(needed, made.indices[i])) {
        left.push_back(made.indices[i]);
      } else {
        axes.push_back(static_cast<std::int64_t>(i));
      }
    }
    if (axes.empty()) {
      return made;
    }
    return {b_.reduce_sum(made.value, axes, false), left};
  }

  Operand product(const Operand& x, const Operand& y, const EinsumIndices& needed) {
    EinsumIndices both, inner, of_x, of_y;
    for (const EinsumIndex index : x.indices) {
      EinsumIndices& kind = !contains(y.indices, index) ? of_x
                            : contains(needed, index)   ? both
                                                        : inner;
      kind.push_back(index);
    }
    for (const EinsumIndex index : y.indices) {
      if (!contains(x.indices, index)) {
        of_y.push_back(index);
      }
    }
    const auto count = [&](const EinsumIndices& indices) {
      return terms_.shape_of(indices).element_count();
    };
    const ValueId a = b_.reshape(ordered(x, joined(joined(both, of_x), inner)),
                                 {count(both), count(of_x), count(inner)});
    const ValueId c = b_.reshape(ordered(y, joined(joined(both, inner), of_y)),
                                 {count(both), count(inner), count(of_y)});
    // Without a sum the operands broadcast: no product of columns and rows.
    const ValueId made = inner.empty() ? b_.mul(a, c) : b_.op("MatMul", {a, c});
    const EinsumIndices indices = joined(joined(both, of_x), of_y);
    return {b_.reshape(made, terms_.shape_of(indices)), indices};
  }

  // With its axes in this order.
  ValueId ordered(const Operand& x, const EinsumIndices& order) {
    std::vector<std::int64_t> perm;
    for (const EinsumIndex index : order) {
      perm.push_back(std::find(x.indices.begin(), x.indices.end(), index) - x.indices.begin());
    }
    return std::is_sorted(perm.begin(), perm.end()) ? x.value : b_.transpose(x.value, perm);
  }

 private:
  static EinsumIndices joined(EinsumIndices a, const EinsumIndices& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
  }

  // An index that an operand has twice: its diagonal, as the sum over one of the axes of what lies
  // on it.
  void take_diagonals(Operand& x) {
    for (std::size_t j = 1; j < x.indices.size(); ++j) {
      const auto at = x.indices.begin() + static_cast<std::ptrdiff_t>(j);
      const auto first = std::find(x.indices.begin(), at, x.indices[j]);
      if (first == at) {
        continue;
      }
      const Shape shape = b_.shape(x.value);
      const auto i = static_cast<int>(first - x.indices.begin());
      TEMPER_CHECK(shape[i] == shape[static_cast<int>(j)], ErrorCode::kInvalidModel,
                   "Einsum takes the diagonal of axes of the sizes ", shape[i], " and ",
                   shape[static_cast<int>(j)]);
      const ValueId on_it =
          b_.op("Equal", {counting(shape, i), counting(shape, static_cast<int>(j))});
      const ValueId zero = b_.scalar(b_.dtype(x.value), 0);
      const ValueId kept = b_.op("Where", {on_it, x.value, zero});
      x.value = b_.reduce_sum(kept, {static_cast<std::int64_t>(j)}, false);
      x.indices.erase(at);
      --j;
    }
  }

  // 0, 1, .. along one axis
  ValueId counting(const Shape& shape, int axis) {
    std::vector<std::int64_t> ones(static_cast<std::size_t>(shape.rank()), 1);
    ones[static_cast<std::size_t>(axis)] = shape[axis];
    const auto number = [&](std::int64_t n) {
      return b_.scalar(DType::kInt64, static_cast<double>(n));
    };
    return b_.reshape(b_.op("Range", {number(0), number(shape[axis]), number(1)}), Shape(ones));
  }

  // Axes of size 1 of an index that has another size elsewhere.
  void drop_repeated_axes(Operand& x) {
    EinsumIndices left;
    const Shape shape = b_.shape(x.value);
    for (int axis = 0; axis < shape.rank(); ++axis) {
      const EinsumIndex index = x.indices[static_cast<std::size_t>(axis)];
      if (shape[axis] == terms_.sizes.at(index)) {
        left.push_back(index);
      }
    }
    x = {b_.reshape(x.value, terms_.shape_of(left)), left};
  }

  Builder& b_;
  const EinsumTerms& terms_;
};

std::vector<ValueId> expand_einsum(Builder& b, const Node& node,
                                   const std::vector<ValueId>& inputs) {
  std::vector<Shape> shapes;
  for (const ValueId input : inputs) {
    shapes.push_back(b.shape(input));
  }
  const EinsumTerms terms = parse_einsum(node.attrs.get_string("equation", ""), shapes);
  Contraction contraction(b, terms);
  // What the output or operands from `next` on have, or `but` before.
  const auto needed = [&](std::size_t next, std::size_t but) {
    EinsumIndices indices = terms.output;
    for (std::size_t k = 0; k < terms.operands.size(); ++k) {
      if (k >= next && k != but) {
        indices.insert(indices.end(), terms.operands[k].begin(), terms.operands[k].end());
      }
    }
    return indices;
  };
  Operand made = contraction.operand(inputs[0], terms.operands[0], needed(0, 0));
  for (std::size_t k = 1; k < inputs.size(); ++k) {
    EinsumIndices others = needed(k + 1, k);
    others.insert(others.end(), made.indices.begin(), made.indices.end());
    const Operand next = contraction.operand(inputs[k], terms.operands[k], others);
    made = contraction.product(made, next, needed(k + 1, k));
    // What no other operand has now, though this one's axis of it had size 1.
    made = contraction.summed(std::move(made), needed(k + 1, k));
  }
  return {b.op("Identity", {contraction.ordered(made, terms.output)})};
}

int batch_of_einsum(const BatchContext& c) {
  std::vector<Shape> shapes;
  for (int i = 0; i < c.input_count(); ++i) {
    shapes.push_back(c.shape(i));
  }
  const EinsumTerms terms = parse_einsum(c.node().attrs.get_string("equation", ""), shapes);
  BatchAxis found;
  for (int i = 0; i < c.input_count(); ++i) {
    if (!c.axis(i)) {
      continue;
    }
    const EinsumIndex index =
        terms.operands[static_cast<std::size_t>(i)][static_cast<std::size_t>(*c.axis(i))];
    const auto at = std::find(terms.output.begin(), terms.output.end(), index);
    c.check(at != terms.output.end(), "sums over the samples of a batch");
    found = c.agreed(found, static_cast<int>(at - terms.output.begin()));
  }
  return *found;
}

}  // namespace

void register_einsum(OpRegistry& ops) {
  ops.add("Einsum")
      .batch(batch_of_einsum)
      .inputs(1, -1)
      .infer(infer_einsum)
      .expands(expand_einsum)
      .expanded_in_plans()
      .precision(PrecisionClass::kLow);
}

}  // namespace temper::graph
