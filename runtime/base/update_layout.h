// The inputs and outputs of an optimizer's update node, which writes all parameters at once.
// Inputs: ok, rates, step and scale, then n parameters, their n gradients and n of each state, then
// the copies in 16 bits of those parameters that attribute `copy_of` names, at last the groups'
// memory where an optimizer keeps a number per group. Outputs: the parameters, the states, the
// copies and the memory, in the memory of those inputs. What the four scalars hold: see
// graph/ops/optimizer_updates.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "runtime/base/attrs.h"

namespace temper {

struct UpdateLayout {
  static constexpr std::size_t kOk = 0, kRates = 1, kStep = 2, kScale = 3, kScalars = 4;

  std::size_t count = 0;                   // n
  std::size_t states = 0;                  // such as 2: exp_avg and exp_avg_sq
  std::vector<std::int64_t> copy_of = {};  // of each copy its parameter

  // The names of the states, in their order: attribute `states`.
  static std::vector<std::string> state_names(const Attrs& attrs) {
    const AttrValue* value = attrs.find("states");
    const auto* names = value == nullptr ? nullptr : std::get_if<std::vector<std::string>>(value);
    return names == nullptr ? std::vector<std::string>{} : *names;
  }
  // Of a node with normalised attributes.
  static UpdateLayout of(const Attrs& attrs) {
    return {static_cast<std::size_t>(attrs.get_int("count", 0)), state_names(attrs).size(),
            attrs.get_ints("copy_of")};
  }

  // Parameters, gradients and states: sets of `count` tensors.
  std::size_t sets() const { return 2 + states; }

  std::size_t parameter(std::size_t i) const { return kScalars + i; }
  std::size_t gradient(std::size_t i) const { return kScalars + count + i; }
  std::size_t state(std::size_t which, std::size_t i) const {
    return kScalars + (2 + which) * count + i;
  }
  std::size_t copy(std::size_t which) const { return kScalars + sets() * count + which; }
  // Where the memory is, if there is one; all before it are tensors like the parameters'.
  std::size_t memory() const { return copy(copy_of.size()); }
  // The parameter that the tensor at input i, parameter(0) to memory(), belongs to.
  std::size_t parameter_of_input(std::size_t i) const {
    return i < copy(0) ? (i - kScalars) % count : static_cast<std::size_t>(copy_of[i - copy(0)]);
  }

  std::size_t written_parameter(std::size_t i) const { return i; }
  std::size_t written_state(std::size_t which, std::size_t i) const {
    return (1 + which) * count + i;
  }
  std::size_t written_copy(std::size_t which) const { return (1 + states) * count + which; }
  std::size_t written_memory() const { return written_copy(copy_of.size()); }
  // The input whose memory output o is: gradients are not written.
  std::size_t input_of_output(std::size_t o) const {
    return o < count ? parameter(o) : kScalars + count + o;
  }
};

}  // namespace temper
