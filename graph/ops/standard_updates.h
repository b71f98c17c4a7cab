// The updates of optimizers in operators of the standard, operation by operation as
// backends/common/optimizers has them: what depends on the step only in double, the rest in the
// parameters' type. They give the new values; whether a step is applied is the caller's affair, who
// has put the rates of all steps into the table; with attribute `unscheduled` = 1 it has no rows of
// momentum.
#pragma once

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "graph/ir/builder.h"
#include "runtime/base/error.h"
#include "runtime/base/update_layout.h"

namespace temper::graph {

// What a step is for one group of parameters; numbers in double are scalars of the graph.
struct WrittenStep {
  ValueId rate;      // f64
  ValueId momentum;  // f64: the scheduled momentum or beta1, NaN: none; invalid where none ever is
  ValueId count;     // f64: the number of this step, from 1 on
  ValueId first;     // bool: there was none before it
  ValueId scale;     // on gradients, in the parameters' type; invalid: 1
};

// The scalars of an update node as nodes, made once for each group.
class WrittenSteps {
 public:
  WrittenSteps(Builder& b, const Node& node, const std::vector<ValueId>& inputs)
      : b_(b), node_(node), inputs_(inputs) {
    TEMPER_CHECK(b.shape(inputs[UpdateLayout::kStep]).element_count() == 1, ErrorCode::kUnsupported,
                 "parameters that begin to train at different steps ([[train.stage]]) have no form "
                 "in standard operators here");
  }

  // A hyper-parameter of the parameter's group.
  double number(const char* name, std::size_t parameter) const {
    const std::vector<double> values = node_.attrs.get_doubles(name);
    return values.empty() ? 0 : values[group(parameter)];
  }
  bool is_scheduled() const { return node_.attrs.get_int("unscheduled", 0) == 0; }

  const WrittenStep& of(std::size_t parameter, DType type) {
    const auto [found, is_new] = steps_.try_emplace({group(parameter), type});
    return is_new ? found->second = make(group(parameter), type) : found->second;
  }

  // scheduled_or() of update_step.h
  ValueId scheduled_or(const WrittenStep& step, double own) {
    const ValueId fixed = b_.scalar(DType::kFloat64, own);
    return step.momentum.valid()
               ? b_.op("Where", {b_.op("IsNaN", {step.momentum}), fixed, step.momentum})
               : fixed;
  }

 private:
  std::size_t group(std::size_t parameter) const {
    return static_cast<std::size_t>(node_.attrs.get_ints("group_of")[parameter]);
  }

  ValueId row_of(std::size_t row) {
    const ValueId rates = inputs_[UpdateLayout::kRates];
    if (!column_.valid()) {
      // The last column is that of all steps behind it.
      const auto slots = static_cast<double>(b_.shape(rates)[1]);
      const ValueId step = b_.reshape(inputs_[UpdateLayout::kStep], {});
      const ValueId slot = slots == 1 ? b_.scalar(DType::kInt64, 0)
                                      : b_.op("Min", {step, b_.scalar(DType::kInt64, slots - 1)});
      column_ = b_.op("Gather", {rates, slot}, {{"axis", std::int64_t{1}}});
    }
    return b_.op("Gather", {column_, b_.scalar(DType::kInt64, static_cast<double>(row))},
                 {{"axis", std::int64_t{0}}});
  }

  WrittenStep make(std::size_t group, DType type) {
    WrittenStep step;
    step.rate = row_of(group);
    if (is_scheduled()) {
      const auto groups = static_cast<std::size_t>(b_.shape(inputs_[UpdateLayout::kRates])[0] / 2);
      step.momentum = row_of(groups + group);
    }
    const ValueId before = b_.reshape(inputs_[UpdateLayout::kStep], {});
    step.count = b_.add(b_.cast(before, DType::kFloat64), b_.scalar(DType::kFloat64, 1));
    step.first = b_.op("Equal", {before, b_.scalar(DType::kInt64, 0)});
    const std::vector<double> maximize = node_.attrs.get_doubles("maximize");
    const bool negative = !maximize.empty() && maximize[group] != 0;
    if (inputs_[UpdateLayout::kScale].valid()) {
      const ValueId scale = b_.cast(b_.reshape(inputs_[UpdateLayout::kScale], {}), type);
      step.scale = negative ? b_.neg(scale) : scale;
    } else if (negative) {
      step.scale = b_.scalar(type, -1);
    }
    return step;
  }

  Builder& b_;
  const Node& node_;
  const std::vector<ValueId>& inputs_;
  ValueId column_;  // of the table of rates: that of this step
  std::map<std::pair<std::size_t, DType>, WrittenStep> steps_;
};

// The tensors of one parameter: new values take the old ones' place.
struct WrittenTensors {
  ValueId parameter, gradient;
  std::vector<ValueId> states;
};

// GradientRule of update_step.h
inline void write_gradient_rule(Builder& b, WrittenSteps& steps, const WrittenStep& step,
                                std::size_t i, bool decoupled, WrittenTensors& t) {
  const DType type = b.dtype(t.parameter);
  const double weight_decay = steps.number("weight_decay", i);
  if (step.scale.valid()) {
    t.gradient = b.mul(t.gradient, step.scale);
  }
  if (weight_decay == 0) {
    return;
  }
  if (!decoupled) {
    t.gradient = b.add(t.gradient, b.scale(t.parameter, weight_decay));
    return;
  }
  const ValueId decay = b.mul(step.rate, b.scalar(DType::kFloat64, weight_decay));
  const ValueId shrink = b.cast(b.sub(b.scalar(DType::kFloat64, 1), decay), type);
  t.parameter = b.mul(t.parameter, shrink);
}

// SgdUpdate and SgdMomentumUpdate of sgd.h
inline void write_sgd(Builder& b, WrittenSteps& steps, std::size_t i, WrittenTensors& t) {
  const DType type = b.dtype(t.parameter);
  const WrittenStep& step = steps.of(i, type);
  write_gradient_rule(b, steps, step, i, false, t);
  const double own = steps.number("momentum", i);
  if (!t.states.empty() && (own != 0 || steps.is_scheduled())) {
    const ValueId momentum = b.cast(steps.scheduled_or(step, own), type);
    const ValueId before = t.states[0];
    const ValueId kept =
        b.add(b.mul(before, momentum), b.scale(t.gradient, 1 - steps.number("dampening", i)));
    const ValueId moved = b.op("Where", {step.first, t.gradient, kept});
    const ValueId way =
        steps.number("nesterov", i) != 0 ? b.add(t.gradient, b.mul(momentum, moved)) : moved;
    t.states[0] = moved;
    if (steps.is_scheduled()) {  // a momentum of 0 leaves the buffer alone
      const ValueId none = b.op("Equal", {momentum, b.scalar(type, 0)});
      t.states[0] = b.op("Where", {none, before, moved});
      t.gradient = b.op("Where", {none, t.gradient, way});
    } else {
      t.gradient = way;
    }
  }
  t.parameter = b.sub(t.parameter, b.mul(b.cast(step.rate, type), t.gradient));
}

// torch.lerp as update_step.h has it
inline ValueId write_lerp(Builder& b, ValueId start, ValueId end, ValueId weight, bool is_small) {
  const ValueId way = b.sub(end, start);
  if (is_small) {
    return b.add(start, b.mul(weight, way));
  }
  const DType type = b.dtype(start);
  const ValueId from_end = b.sub(end, b.mul(way, b.sub(b.scalar(type, 1), weight)));
  return b.op("Where", {b.op("Less", {weight, b.scalar(type, 0.5)}),
                        b.add(start, b.mul(weight, way)), from_end});
}

// AdamUpdate and AdamAmsgradUpdate of adam.h
inline void write_adam(Builder& b, WrittenSteps& steps, std::size_t i, WrittenTensors& t) {
  const DType type = b.dtype(t.parameter);
  const WrittenStep& step = steps.of(i, type);
  const auto wide = [&](double value) { return b.scalar(DType::kFloat64, value); };
  write_gradient_rule(b, steps, step, i, steps.number("decoupled", i) != 0, t);
  const double own1 = steps.number("beta1", i), own2 = steps.number("beta2", i);
  const ValueId beta1 = steps.scheduled_or(step, own1);
  const ValueId rest1 = b.cast(b.sub(wide(1), beta1), type);
  const bool is_small = !steps.is_scheduled() && 1 - own1 < 0.5;
  const ValueId m = write_lerp(b, t.states[0], t.gradient, rest1, is_small);
  const ValueId square = b.mul(b.scale(t.gradient, 1 - own2), t.gradient);
  const ValueId v = b.add(b.scale(t.states[1], own2), square);
  const auto correction = [&](ValueId beta) {
    return b.sub(wide(1), b.op("Pow", {beta, step.count}));
  };
  const ValueId step_size = b.cast(b.div(step.rate, correction(beta1)), type);
  const ValueId root = b.cast(b.op("Sqrt", {correction(wide(own2))}), type);
  t.states[0] = m;
  t.states[1] = v;
  ValueId spread = v;
  if (t.states.size() > 2) {
    t.states[2] = b.op("Where", {b.op("Greater", {t.states[2], v}), t.states[2], v});
    spread = steps.number("amsgrad", i) != 0 ? t.states[2] : v;
  }
  const ValueId under =
      b.add(b.div(b.op("Sqrt", {spread}), root), b.scalar(type, steps.number("eps", i)));
  t.parameter = b.sub(t.parameter, b.div(b.mul(step_size, m), under));
}

// All parameters of the node, each by `kWrite`.
template <void (*kWrite)(Builder&, WrittenSteps&, std::size_t, WrittenTensors&)>
std::vector<ValueId> write_update(Builder& b, const Node& node,
                                  const std::vector<ValueId>& inputs) {
  const UpdateLayout layout = UpdateLayout::of(node.attrs);
  WrittenSteps steps(b, node, inputs);
  std::vector<ValueId> made(layout.written_memory());
  for (std::size_t i = 0; i < layout.count; ++i) {
    WrittenTensors t{inputs[layout.parameter(i)], inputs[layout.gradient(i)], {}};
    for (std::size_t s = 0; s < layout.states; ++s) {
      t.states.push_back(inputs[layout.state(s, i)]);
    }
    kWrite(b, steps, i, t);
    made[layout.written_parameter(i)] = t.parameter;
    for (std::size_t s = 0; s < layout.states; ++s) {
      made[layout.written_state(s, i)] = t.states[s];
    }
  }
  for (std::size_t c = 0; c < layout.copy_of.size(); ++c) {
    const auto of = static_cast<std::size_t>(layout.copy_of[c]);
    made[layout.written_copy(c)] = b.cast(made[of], b.dtype(inputs[layout.copy(c)]));
  }
  return made;
}

}  // namespace temper::graph
