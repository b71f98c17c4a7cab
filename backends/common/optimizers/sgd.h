// torch.optim.SGD.
#pragma once

#include "backends/common/optimizers/update_step.h"

namespace temper {

// g += weight_decay p;  p -= rate g
template <class T>
struct SgdUpdate {
  static constexpr std::array<std::string_view, 0> kStates{};
  static constexpr std::array<std::string_view, 1> kParameters{"weight_decay"};
  GradientRule<T> rule;
  T rate;

  static constexpr SgdUpdate make(const UpdateStep& s, const double* h) {
    return {GradientRule<T>::make(s, h[0]), static_cast<T>(s.rate)};
  }
  [[gnu::always_inline]] constexpr void operator()(T& p, T g) const {
    g = rule(p, g);
    p = p - rate * g;
  }
};

// g += weight_decay p;  m = momentum m + (1 - dampening) g (m = g at first);  p -= rate m, or
// rate (g + momentum m). A group whose momentum is 0 leaves its buffer alone.
template <class T>
struct SgdMomentumUpdate {
  static constexpr std::array<std::string_view, 1> kStates{"momentum_buffer"};
  static constexpr std::array<std::string_view, 4> kParameters{"weight_decay", "momentum",
                                                               "dampening", "nesterov"};
  GradientRule<T> rule;
  T rate, momentum;
  T keep;      // 1 - dampening
  bool first;  // the buffer starts as the first gradient
  bool nesterov;

  static constexpr SgdMomentumUpdate make(const UpdateStep& s, const double* h) {
    return {GradientRule<T>::make(s, h[0]),
            static_cast<T>(s.rate),
            static_cast<T>(s.scheduled_or(h[1])),
            static_cast<T>(1.0 - h[2]),
            s.step == 0,
            h[3] != 0};
  }
  [[gnu::always_inline]] constexpr void operator()(T& p, T g, T& m) const {
    g = rule(p, g);
    if (momentum != T(0)) {
      const T moved = first ? g : m * momentum + keep * g;
      m = moved;
      g = nesterov ? g + momentum * moved : moved;
    }
    p = p - rate * g;
  }
};

}  // namespace temper
