// LSTM, GRU and RNN as nodes of other ops, step by step: what second derivatives are taken through.
// Formulas and clipping: recurrent.cpp.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "graph/ir/builder.h"

namespace temper::graph::recurrent {

// The ops' inputs.
enum Input { kX, kW, kR, kB, kLengths, kH0, kC0, kP };

using Strings = std::vector<std::string>;

// What differs between the three, by the number of gates.
struct Kind {
  int gates;
  int states;     // outputs behind Y
  int inputs;     // at most
  int functions;  // activations of a direction
  Strings defaults;
};

inline Kind kind_of(const std::string& op) {
  if (op.starts_with("LSTM")) {
    return {4, 2, 8, 3, {"Sigmoid", "Tanh", "Tanh"}};
  }
  return op.starts_with("GRU") ? Kind{3, 1, 6, 2, {"Sigmoid", "Tanh"}} : Kind{1, 1, 6, 1, {"Tanh"}};
}

struct Sizes {
  std::int64_t steps, batch, inputs, hidden, directions;
  bool batch_first;

  Shape state() const {
    return batch_first ? Shape{batch, directions, hidden} : Shape{directions, batch, hidden};
  }
  Shape output() const {
    return batch_first ? Shape{batch, steps, directions, hidden}
                       : Shape{steps, directions, batch, hidden};
  }
};

inline Sizes sizes_of(const Shape& x, const Shape& r, const Attrs& attrs) {
  const bool batch_first = attrs.get_int("layout", 0) != 0;
  return {x[batch_first ? 1 : 0], x[batch_first ? 0 : 1], x[2], r[2], r[0], batch_first};
}

// An activation of the graph's ops.
inline ValueId apply(Builder& b, const std::string& name, double alpha, double beta, ValueId x) {
  if (name == "Affine") {
    return b.add(b.scale(x, alpha), b.scalar(b.dtype(x), beta));
  }
  if (name == "ScaledTanh") {
    return b.scale(b.op("Tanh", {b.scale(x, beta)}), alpha);
  }
  if (name == "HardSigmoid") {
    return b.op(name, {x}, {{"alpha", alpha}, {"beta", beta}});
  }
  if (name == "LeakyRelu" || name == "Elu" || name == "ThresholdedRelu") {
    return b.op(name, {x}, {{"alpha", alpha}});
  }
  return b.op(name, {x});
}

// x as 8 bits of its range hold it. The gradient goes straight through.
inline ValueId rounded(Builder& b, ValueId x) {
  const std::vector<ValueId> range = b.ops("DynamicQuantizeLinear", {x}, 3, {});
  return b.op("QuantizeDequantize", {x, range[1], range[2]});
}

// One direction.
class Unrolled {
 public:
  // `x`: [T, N, I]; with `rounds`, an LSTM multiplies its weights with h rounded. What is given
  // here outlives this.
  Unrolled(Builder& b, const Node& node, const Kind& kind, const Sizes& sizes, std::int64_t d,
           const std::vector<ValueId>& inputs, ValueId x, bool rounds)
      : b_(b),
        attrs_(node.attrs),
        kind_(kind),
        sizes_(sizes),
        d_(d),
        inputs_(inputs),
        rounds_(rounds) {
    const std::int64_t rows = kind.gates * sizes.hidden;
    r_ = part(kR, {rows, sizes.hidden});
    if (has(kB)) {
      const ValueId both = part(kB, {2 * rows});
      wb_ = b.slice(both, 0, 0, rows);
      rb_ = b.slice(both, 0, rows, 2 * rows);
    }
    const ValueId flat = b.reshape(x, {sizes.steps * sizes.batch, sizes.inputs});
    from_x_ = b.reshape(linear(flat, part(kW, {rows, sizes.inputs}), wb_),
                        {sizes.steps, sizes.batch, rows});
    h_ = state(kH0);
    if (kind.states == 2) {
      c_ = state(kC0);
      p_ = has(kP) ? part(kP, {3, sizes.hidden}) : ValueId{};
    }
  }

  void step(std::int64_t t) {
    const std::int64_t rows = kind_.gates * sizes_.hidden;
    const ValueId x = b_.reshape(b_.slice(from_x_, 0, t, t + 1), {sizes_.batch, rows});
    const ValueId h = h_, c = c_;
    kind_.gates == 4 ? lstm(x) : kind_.gates == 3 ? gru(x) : rnn(x);
    ValueId y = h_;
    if (has(kLengths)) {
      const ValueId time = b_.scalar(DType::kInt32, static_cast<double>(t));
      const ValueId counts =
          b_.reshape(b_.op("Less", {time, inputs_[kLengths]}), {sizes_.batch, 1});
      y = b_.op("Where", {counts, h_, b_.scalar(b_.dtype(h_), 0)});
      h_ = b_.op("Where", {counts, h_, h});
      c_ = c_.valid() ? b_.op("Where", {counts, c_, c}) : c_;
    }
    outputs_.resize(static_cast<std::size_t>(sizes_.steps));
    outputs_[static_cast<std::size_t>(t)] = b_.reshape(y, {1, 1, sizes_.batch, sizes_.hidden});
  }

  // [T, 1, N, H]
  ValueId y() const {
    if (outputs_.empty()) {
      return b_.expand(b_.scalar(b_.dtype(h_), 0), {0, 1, sizes_.batch, sizes_.hidden});
    }
    return b_.op("Concat", outputs_, {{"axis", std::int64_t{0}}});
  }
  // [1, N, H]
  ValueId last(int i) const {
    return b_.reshape(i == 0 ? h_ : c_, {1, sizes_.batch, sizes_.hidden});
  }

 private:
  bool has(std::size_t i) const { return i < inputs_.size() && inputs_[i].valid(); }
  ValueId part(std::size_t i, const Shape& shape) {
    return b_.reshape(b_.slice(inputs_[i], 0, d_, d_ + 1), shape);
  }
  ValueId state(std::size_t i) {
    const Shape shape{sizes_.batch, sizes_.hidden};
    if (!has(i)) {
      return b_.expand(b_.scalar(b_.dtype(inputs_[kX]), 0), shape);
    }
    return b_.reshape(b_.slice(inputs_[i], sizes_.batch_first ? 1 : 0, d_, d_ + 1), shape);
  }
  ValueId linear(ValueId x, ValueId weight, ValueId bias) {
    const ValueId product = b_.op("MatMul", {x, b_.transpose(weight, {1, 0})});
    return bias.valid() ? b_.add(product, bias) : product;
  }
  ValueId gate(ValueId all, std::int64_t i) {
    return b_.slice(all, 1, i * sizes_.hidden, (i + 1) * sizes_.hidden);
  }
  ValueId function(int i, ValueId x) {
    return apply_clipped(static_cast<std::size_t>(d_ * kind_.functions + i), x, true);
  }
  ValueId apply_clipped(std::size_t i, ValueId x, bool clips) {
    if (clips && attrs_.has("clip")) {
      const double clip = attrs_.get_double("clip", 0);
      x = b_.op("Clip", {x}, {{"min", -clip}, {"max", clip}});
    }
    return apply(b_, std::get<Strings>(*attrs_.find("activations"))[i],
                 attrs_.get_doubles("alphas")[i], attrs_.get_doubles("betas")[i], x);
  }

  void rnn(ValueId x) { h_ = function(0, b_.add(x, linear(h_, r_, rb_))); }

  void gru(ValueId x) {
    const std::int64_t hidden = sizes_.hidden;
    const auto from_h = [&](ValueId h, std::int64_t first, std::int64_t last) {
      const ValueId bias =
          rb_.valid() ? b_.slice(rb_, 0, first * hidden, last * hidden) : ValueId{};
      return linear(h, b_.slice(r_, 0, first * hidden, last * hidden), bias);
    };
    const ValueId both = function(0, b_.add(b_.slice(x, 1, 0, 2 * hidden), from_h(h_, 0, 2)));
    const ValueId z = gate(both, 0), r = gate(both, 1);
    const ValueId state = attrs_.get_int("linear_before_reset", 0) != 0
                              ? b_.mul(r, from_h(h_, 2, 3))
                              : from_h(b_.mul(r, h_), 2, 3);
    const ValueId n = function(1, b_.add(gate(x, 2), state));
    h_ = b_.add(n, b_.mul(z, b_.sub(h_, n)));
  }

  void lstm(ValueId x) {
    const ValueId sums = b_.add(x, linear(rounds_ ? rounded(b_, h_) : h_, r_, rb_));
    const auto with_peephole = [&](std::int64_t i, ValueId c) {
      const ValueId sum = gate(sums, i);
      return p_.valid() ? b_.add(sum, b_.mul(b_.slice(p_, 0, i, i + 1), c)) : sum;
    };
    const ValueId i = function(0, with_peephole(0, c_));
    const ValueId forget = attrs_.get_int("input_forget", 0) != 0
                               ? b_.sub(b_.scalar(b_.dtype(i), 1), i)
                               : function(0, with_peephole(2, c_));
    c_ = b_.add(b_.mul(forget, c_), b_.mul(i, function(1, gate(sums, 3))));
    const ValueId o = function(0, with_peephole(1, c_));
    h_ = b_.mul(o, apply_clipped(static_cast<std::size_t>(d_ * kind_.functions + 2), c_, false));
  }

  Builder& b_;
  const Attrs& attrs_;
  const Kind& kind_;
  const Sizes& sizes_;
  std::int64_t d_;
  const std::vector<ValueId>& inputs_;
  bool rounds_;
  ValueId r_, wb_, rb_, p_, from_x_, h_, c_;
  std::vector<ValueId> outputs_;
};

// As many steps as the sequence has, of all directions: the outputs of the op.
inline std::vector<ValueId> unroll(Builder& b, const Node& node, const Kind& kind,
                                   const std::vector<ValueId>& inputs, bool rounds) {
  const Sizes sizes = sizes_of(b.shape(inputs[kX]), b.shape(inputs[kR]), node.attrs);
  const ValueId x = sizes.batch_first ? b.transpose(inputs[kX], {1, 0, 2}) : inputs[kX];
  std::vector<std::vector<ValueId>> parts(static_cast<std::size_t>(1 + kind.states));
  for (std::int64_t d = 0; d < sizes.directions; ++d) {
    Unrolled direction(b, node, kind, sizes, d, inputs, x, rounds);
    const bool reversed = d == 1 || node.attrs.get_string("direction", "") == "reverse";
    for (std::int64_t step = 0; step < sizes.steps; ++step) {
      direction.step(reversed ? sizes.steps - 1 - step : step);
    }
    parts[0].push_back(direction.y());
    for (int i = 0; i < kind.states; ++i) {
      parts[static_cast<std::size_t>(1 + i)].push_back(direction.last(i));
    }
  }
  std::vector<ValueId> outputs;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::int64_t axis = i == 0 ? 1 : 0;
    const ValueId joined = b.op("Concat", parts[i], {{"axis", axis}});
    outputs.push_back(!sizes.batch_first ? joined
                      : i == 0           ? b.transpose(joined, {2, 0, 1, 3})
                                         : b.transpose(joined, {1, 0, 2}));
  }
  return outputs;
}

}  // namespace temper::graph::recurrent
