// Formulas over values of a graph as C++ writes them, so that an update in operators of the
// standard reads as its kernel does: `v * beta2 + g * beta2_rest * g` makes the nodes in that order
// of operations.
#pragma once

#include <cmath>
#include <numeric>
#include <vector>

#include "graph/ir/builder.h"

namespace temper::graph {

class Term {
 public:
  Term() = default;
  Term(Builder& builder, ValueId id) : builder_(&builder), id_(id) {}
  static Term number(Builder& builder, DType type, double value) {
    return {builder, builder.scalar(type, value)};
  }

  ValueId id() const { return id_; }
  bool valid() const { return id_.valid(); }
  DType type() const { return builder_->dtype(id_); }
  Shape shape() const { return builder_->shape(id_); }

  Term as(DType type) const { return {*builder_, builder_->cast(id_, type)}; }
  Term reshaped(Shape shape) const { return {*builder_, builder_->reshape(id_, std::move(shape))}; }
  // A number of this term's type.
  Term like(double value) const { return number(*builder_, type(), value); }
  Term apply(std::string_view op, std::vector<Term> others = {}, Attrs attrs = {}) const {
    std::vector<ValueId> inputs = {id_};
    for (const Term& other : others) {
      inputs.push_back(other.id_);
    }
    return {*builder_, builder_->op(op, std::move(inputs), std::move(attrs))};
  }

 private:
  Builder* builder_ = nullptr;
  ValueId id_;
};

inline Term operator+(Term a, Term b) { return a.apply("Add", {b}); }
inline Term operator-(Term a, Term b) { return a.apply("Sub", {b}); }
inline Term operator*(Term a, Term b) { return a.apply("Mul", {b}); }
inline Term operator/(Term a, Term b) { return a.apply("Div", {b}); }
inline Term operator>(Term a, Term b) { return a.apply("Greater", {b}); }
inline Term operator<(Term a, Term b) { return a.apply("Less", {b}); }
inline Term operator-(Term a) { return a.apply("Neg"); }
inline Term operator+(Term a, double b) { return a + a.like(b); }
inline Term operator-(Term a, double b) { return a - a.like(b); }
inline Term operator*(Term a, double b) { return a * a.like(b); }
inline Term operator/(Term a, double b) { return a / a.like(b); }
inline Term operator>(Term a, double b) { return a > a.like(b); }
inline Term operator<(Term a, double b) { return a < a.like(b); }
inline Term operator+(double a, Term b) { return b.like(a) + b; }
inline Term operator-(double a, Term b) { return b.like(a) - b; }
inline Term operator*(double a, Term b) { return b.like(a) * b; }
inline Term operator/(double a, Term b) { return b.like(a) / b; }

inline Term sqrt(Term a) { return a.apply("Sqrt"); }
inline Term abs(Term a) { return a.apply("Abs"); }
inline Term pow(Term a, Term b) { return a.apply("Pow", {b}); }
inline Term pow(double a, Term b) { return pow(b.like(a), b); }
// condition ? a : b
inline Term choose(Term condition, Term a, Term b) { return condition.apply("Where", {a, b}); }
// a > b ? a : b
inline Term larger(Term a, Term b) { return choose(a > b, a, b); }
inline Term larger(Term a, double b) { return larger(a, a.like(b)); }
inline Term smaller(Term a, Term b) { return choose(a < b, a, b); }

// The sum of all elements, a scalar.
inline Term sum_of(Term a) {
  std::vector<std::int64_t> axes(static_cast<std::size_t>(a.shape().rank()));
  std::iota(axes.begin(), axes.end(), 0);
  return axes.empty() ? a
                      : a.apply("ReduceSum", {}, {{"axes", axes}, {"keepdims", std::int64_t{0}}});
}
// In double, as kernels add.
inline Term sum_of_squares(Term a) {
  const Term wide = a.as(DType::kFloat64);
  return sum_of(wide * wide);
}

// torch.lerp(start, end, weight) of update_step.h: from the nearer end.
inline Term lerp(Term start, Term end, double weight) {
  return weight < 0.5 ? start + weight * (end - start)
                      : end - (end - start) * (start.like(1) - weight);
}
inline Term lerp(Term start, Term end, Term weight) {
  const Term way = end - start;
  return choose(weight < 0.5, start + weight * way, end - way * (1 - weight));
}

}  // namespace temper::graph
