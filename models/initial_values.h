// What the parameters of a fresh model begin with: drawn by Philox from the model's seed and the
// parameter's number, element by element, so that no large tensor is ever in memory.
#pragma once

#include <cstdint>

#include "graph/ir/stored_value.h"

namespace temper::models {

struct Init {
  enum class Kind { kUniform, kNormal } kind = Kind::kUniform;
  double mean = 0;
  double spread = 0;  // half the width of the uniform range, or the standard deviation

  static constexpr Init constant(double value) { return {Kind::kUniform, value, 0}; }
  static constexpr Init uniform(double bound) { return {Kind::kUniform, 0, bound}; }
  static constexpr Init normal(double deviation, double mean = 0) {
    return {Kind::kNormal, mean, deviation};
  }
  // What nn.Linear and nn.Conv do for weight and bias: kaiming_uniform_(a=sqrt(5)), which is
  // uniform to 1/sqrt(fan_in).
  static Init fan_in(std::int64_t inputs);
  // kaiming_normal_(mode="fan_out", nonlinearity="relu"), as torchvision's networks have it.
  static Init fan_out(std::int64_t outputs);
  // xavier_uniform_.
  static Init xavier(std::int64_t inputs, std::int64_t outputs);
};

// Float32 elements of stream `number` of `seed`.
graph::SharedValue draw(const Init& init, std::uint64_t seed, std::uint64_t number);

}  // namespace temper::models
