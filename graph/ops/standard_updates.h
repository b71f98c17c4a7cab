// The updates of optimizers in operators of the standard: what a step and a parameter give to
// the formulas (written_updates.h, written_matrix_updates.h), which stand operation by operation as
// backends/common/optimizers has them: what depends on the step only in double, the rest in the
// parameters' type. They give the new values; whether a step is applied is the caller's affair, who
// has put the rates of all steps into the table; with attribute `unscheduled` = 1 it has no rows of
// momentum.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "graph/ir/graph.h"
#include "graph/ops/written_terms.h"
#include "runtime/base/error.h"
#include "runtime/base/update_layout.h"

namespace temper::graph {

// What a step is for one group of parameters; numbers in double are scalars of the graph.
struct WrittenStep {
  Term rate;      // f64
  Term momentum;  // f64: the scheduled momentum or beta1, NaN: none; invalid where none ever is
  Term count;     // f64: the number of this step, from 1 on
  Term first;     // bool: there was none before it
  Term scale;     // on gradients, in the parameters' type; invalid: 1
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
  double number(const char* name, std::size_t parameter, double fallback = 0) const {
    return of_group(name, group(parameter), fallback);
  }
  const Attrs& attrs() const { return node_.attrs; }
  bool is_scheduled() const { return node_.attrs.get_int("unscheduled", 0) == 0; }

  const WrittenStep& of(std::size_t parameter, DType type) {
    const auto [found, is_new] = steps_.try_emplace({group(parameter), type});
    return is_new ? found->second = make(group(parameter), type) : found->second;
  }

  // The number that the parameter's group keeps from step to step, times `factor`: once a step.
  Term moved_memory(std::size_t parameter, Term factor) {
    const auto [found, is_new] = memory_.try_emplace(group(parameter));
    return is_new ? found->second = memory(group(parameter)) * factor : found->second;
  }
  // All groups' numbers after the step; those that no parameter is in stay.
  ValueId memory_after() {
    const std::int64_t groups = b_.shape(memory_input())[0];
    std::vector<ValueId> parts;
    for (std::int64_t g = 0; g < groups; ++g) {
      const auto found = memory_.find(static_cast<std::size_t>(g));
      const Term now = found != memory_.end() ? found->second : memory(static_cast<std::size_t>(g));
      parts.push_back(now.reshaped({1}).id());
    }
    return parts.size() == 1 ? parts[0] : b_.op("Concat", parts, {{"axis", std::int64_t{0}}});
  }

 private:
  std::size_t group(std::size_t parameter) const {
    return static_cast<std::size_t>(node_.attrs.get_ints("group_of")[parameter]);
  }
  double of_group(const char* name, std::size_t group, double fallback) const {
    const std::vector<double> values = node_.attrs.get_doubles(name);
    return values.empty() ? fallback : values[group];
  }

  ValueId memory_input() const { return inputs_[UpdateLayout::of(node_.attrs).memory()]; }
  Term memory(std::size_t group) {
    return {b_,
            b_.op("Gather", {memory_input(), b_.scalar(DType::kInt64, static_cast<double>(group))},
                  {{"axis", std::int64_t{0}}})};
  }

  Term row_of(std::size_t row) {
    const ValueId rates = inputs_[UpdateLayout::kRates];
    if (!column_.valid()) {
      // The last column is that of all steps behind it.
      const auto slots = static_cast<double>(b_.shape(rates)[1]);
      const ValueId step = b_.reshape(inputs_[UpdateLayout::kStep], {});
      const ValueId slot = slots == 1 ? b_.scalar(DType::kInt64, 0)
                                      : b_.op("Min", {step, b_.scalar(DType::kInt64, slots - 1)});
      column_ = b_.op("Gather", {rates, slot}, {{"axis", std::int64_t{1}}});
    }
    return {b_, b_.op("Gather", {column_, b_.scalar(DType::kInt64, static_cast<double>(row))},
                      {{"axis", std::int64_t{0}}})};
  }

  WrittenStep make(std::size_t group, DType type) {
    WrittenStep step;
    step.rate = row_of(group);
    const double factor = of_group("rate_factor", group, 1);
    if (factor != 1) {
      step.rate = step.rate * factor;
    }
    if (is_scheduled()) {
      const auto groups = static_cast<std::size_t>(b_.shape(inputs_[UpdateLayout::kRates])[0] / 2);
      step.momentum = row_of(groups + group);
    }
    const Term before(b_, b_.reshape(inputs_[UpdateLayout::kStep], {}));
    step.count = before.as(DType::kFloat64) + 1;
    step.first = before.apply("Equal", {before.like(0)});
    const bool negative = of_group("maximize", group, 0) != 0;
    if (inputs_[UpdateLayout::kScale].valid()) {
      const Term scale(b_, b_.cast(b_.reshape(inputs_[UpdateLayout::kScale], {}), type));
      step.scale = negative ? -scale : scale;
    } else if (negative) {
      step.scale = Term::number(b_, type, -1);
    }
    return step;
  }

  Builder& b_;
  const Node& node_;
  const std::vector<ValueId>& inputs_;
  ValueId column_;  // of the table of rates: that of this step
  std::map<std::pair<std::size_t, DType>, WrittenStep> steps_;
  std::map<std::size_t, Term> memory_;  // of each group that moved it
};

// One parameter's update: its tensors, where new values take the old ones' place, and its numbers.
class WrittenUpdate {
 public:
  WrittenUpdate(WrittenSteps& steps, std::size_t parameter, Term before, Term gradient,
                std::map<std::string, Term>& states)
      : p(before),
        g(gradient),
        step(steps.of(parameter, before.type())),
        steps_(steps),
        parameter_(parameter),
        states_(states) {}

  Term p, g;
  const WrittenStep& step;

  double number(const char* name) const { return steps_.number(name, parameter_); }
  bool has(const char* state) const { return states_.contains(state); }
  Term& state(const char* name) { return states_.at(name); }
  Term moved_memory(Term factor) { return steps_.moved_memory(parameter_, factor); }
  std::int64_t of_parameter(const char* list) const {
    const std::vector<std::int64_t> values = steps_.attrs().get_ints(list);
    return values.empty() ? 0 : values[parameter_];
  }

  // In the parameter's type.
  Term narrow(Term wide) const { return wide.as(p.type()); }
  Term wide(double value) const { return step.rate.like(value); }
  bool is_scheduled() const { return steps_.is_scheduled(); }
  // scheduled_or() of update_step.h
  Term scheduled_or(double own) const {
    return step.momentum.valid() ? choose(step.momentum.apply("IsNaN"), wide(own), step.momentum)
                                 : wide(own);
  }

  void scale_gradient() { g = step.scale.valid() ? g * step.scale : g; }
  // GradientRule of update_step.h
  void apply_rule(bool decoupled = false) {
    scale_gradient();
    const double weight_decay = number("weight_decay");
    if (weight_decay == 0) {
      return;
    }
    if (decoupled) {
      p = p * shrink();
    } else {
      g = g + p * weight_decay;
    }
  }
  // 1 - rate * weight_decay
  Term shrink() const { return narrow(1 - step.rate * number("weight_decay")); }

 private:
  WrittenSteps& steps_;
  std::size_t parameter_;
  std::map<std::string, Term>& states_;
};

// All parameters of the node, each by `kWrite`.
template <void (*kWrite)(WrittenUpdate&)>
std::vector<ValueId> write_update(Builder& b, const Node& node,
                                  const std::vector<ValueId>& inputs) {
  const UpdateLayout layout = UpdateLayout::of(node.attrs);
  const std::vector<std::string> names = UpdateLayout::state_names(node.attrs);
  WrittenSteps steps(b, node, inputs);
  std::vector<ValueId> made(node.outputs.size());
  for (std::size_t i = 0; i < layout.count; ++i) {
    std::map<std::string, Term> states;
    for (std::size_t s = 0; s < layout.states; ++s) {
      states[names[s]] = {b, inputs[layout.state(s, i)]};
    }
    WrittenUpdate update(steps, i, {b, inputs[layout.parameter(i)]},
                         {b, inputs[layout.gradient(i)]}, states);
    kWrite(update);
    made[layout.written_parameter(i)] = update.p.id();
    for (std::size_t s = 0; s < layout.states; ++s) {
      made[layout.written_state(s, i)] = states[names[s]].id();
    }
  }
  for (std::size_t c = 0; c < layout.copy_of.size(); ++c) {
    const auto of = static_cast<std::size_t>(layout.copy_of[c]);
    made[layout.written_copy(c)] = b.cast(made[of], b.dtype(inputs[layout.copy(c)]));
  }
  if (made.size() > layout.written_memory()) {
    made[layout.written_memory()] = steps.memory_after();
  }
  return made;
}

}  // namespace temper::graph
