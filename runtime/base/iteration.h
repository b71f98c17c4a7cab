// How a node that repeats a body, and its gradient, are put together: what Loop and Scan become
// that are not written out. Read by the shape rules, the gradient, evaluation, lowering and the
// kernels.
//
// Iterate
//   inputs:  most (int64, one number; left out: `steps`), go (bool; left out: true), states...,
//            sliced [steps, ...]..., captures...
//   body:    (step, states..., slices..., captures...) -> states..., slices..., [go on]
//   outputs: states..., stacked [steps, ...]..., tape (opaque: the states before each step)
// IterateGrad
//   inputs:  tape, sliced..., captures..., gradients of the float states..., of stacked outputs...,
//            most, go, states before the first step...: of these only further derivatives are made
//   body:    (step, states..., slices..., captures..., gradients of the float states...,
//            of slices given...) -> gradients of the float states..., of slices taken...,
//            of captures...
//   outputs: gradients of the float states..., of sliced inputs..., of captures...
// The step is an int64 scalar. A left-out gradient of a state is zero.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/base/attrs.h"
#include "runtime/base/concat.h"

namespace temper {

struct Iteration {
  static constexpr std::size_t kMost = 0, kGo = 1, kFirst = 2;
  using Ints = std::vector<std::int64_t>;

  std::size_t states = 0, sliced = 0, captures = 0, stacked = 0;
  std::int64_t steps = -1;  // -1: computed from data
  bool goes_on = false;     // the body's last output says whether there is another step
  Ints backward_slices;     // sliced inputs that are read from their end, by number
  Ints backward_stacks;     // stacked outputs that are written from their end
  std::int64_t limit = 0;   // more steps than that are an error, where data count; 0: no limit

  static Iteration of(const Attrs& attrs) {
    const auto count = [&](const char* name) {
      return static_cast<std::size_t>(attrs.get_int(name, 0));
    };
    return {count("states"),
            count("sliced"),
            count("captures"),
            count("stacked"),
            attrs.get_int("steps", -1),
            attrs.get_int("goes_on", 0) != 0,
            attrs.get_ints("backward_slices"),
            attrs.get_ints("backward_stacks"),
            attrs.get_int("limit", 0)};
  }
  Attrs attrs() const {
    const auto number = [](std::size_t n) { return static_cast<std::int64_t>(n); };
    return {{"states", number(states)},
            {"sliced", number(sliced)},
            {"captures", number(captures)},
            {"stacked", number(stacked)},
            {"steps", steps},
            {"goes_on", std::int64_t{goes_on}},
            {"backward_slices", backward_slices},
            {"backward_stacks", backward_stacks},
            {"limit", limit}};
  }

  // Places among the inputs of the node, and of the body.
  std::size_t state(std::size_t i) const { return kFirst + i; }
  std::size_t slice(std::size_t i) const { return kFirst + states + i; }
  std::size_t capture(std::size_t i) const { return kFirst + states + sliced + i; }
  std::size_t body_state(std::size_t i) const { return 1 + i; }
  std::size_t body_slice(std::size_t i) const { return 1 + states + i; }
  std::size_t body_capture(std::size_t i) const { return 1 + states + sliced + i; }
  std::size_t body_inputs() const { return 1 + states + sliced + captures; }
  // Among the outputs.
  std::size_t stack(std::size_t i) const { return states + i; }
  std::size_t tape() const { return states + stacked; }

  static bool has(const Ints& numbers, std::size_t i) {
    return std::find(numbers.begin(), numbers.end(), static_cast<std::int64_t>(i)) != numbers.end();
  }
  // Which of the slices a step takes or gives.
  static std::int64_t place(const Ints& backward, std::size_t i, std::int64_t step,
                            std::int64_t steps) {
    return has(backward, i) ? steps - 1 - step : step;
  }
};

// What an error says of a loop without end.
inline std::string too_many_steps(std::int64_t limit) {
  return concat("data decide how many steps it takes, and ", limit,
                " did not end it; if it is not endless, write a larger compile.max_trip_count");
}

struct IterationGradient {
  using Ints = std::vector<std::int64_t>;

  Iteration forward;
  // By number: states that are floats, stacked outputs with a gradient, sliced inputs and captures
  // whose gradients are asked for.
  Ints float_states, given_stacks, asked_slices, asked_captures;

  // Whether these are the attributes of an IterateGrad rather than an Iterate.
  static bool is_of(const Attrs& attrs) { return attrs.has("float_states"); }

  static IterationGradient of(const Attrs& attrs) {
    return {Iteration::of(attrs), attrs.get_ints("float_states"), attrs.get_ints("given_stacks"),
            attrs.get_ints("asked_slices"), attrs.get_ints("asked_captures")};
  }
  Attrs attrs() const {
    Attrs made = forward.attrs();
    made.set("float_states", float_states);
    made.set("given_stacks", given_stacks);
    made.set("asked_slices", asked_slices);
    made.set("asked_captures", asked_captures);
    return made;
  }

  // Inputs of the node.
  std::size_t slice(std::size_t i) const { return 1 + i; }
  std::size_t capture(std::size_t i) const { return 1 + forward.sliced + i; }
  std::size_t state_gradient(std::size_t i) const { return capture(forward.captures) + i; }
  std::size_t stack_gradient(std::size_t i) const {
    return state_gradient(float_states.size()) + i;
  }
  // Input i of the Iterate, of the first that it has: most, go, states.
  std::size_t again(std::size_t i) const { return stack_gradient(given_stacks.size()) + i; }
  // Inputs of the body, after the forward body's.
  std::size_t body_state_gradient(std::size_t i) const { return forward.body_inputs() + i; }
  std::size_t body_stack_gradient(std::size_t i) const {
    return body_state_gradient(float_states.size()) + i;
  }
  // Outputs of both.
  std::size_t slice_output(std::size_t i) const { return float_states.size() + i; }
  std::size_t capture_output(std::size_t i) const { return slice_output(asked_slices.size()) + i; }
};

}  // namespace temper
