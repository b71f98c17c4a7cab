// torch.optim.Adafactor of vectors and scalars; matrices: backends/host/matrix_updates.h.
#pragma once

#include <algorithm>
#include <limits>

#include "backends/common/optimizers/trust_ratio.h"

namespace temper {

// What both forms know of a step. t = step + 1: rest = t^beta2_decay, the weight of the new
// squares. alpha = max(eps2, rms of p) min(rate, 1 / sqrt(t)), before the decay p *= 1 - rate
// weight_decay; p -= alpha / max(1, rms of u / d) u, u = g / sqrt(max(v, eps1^2)).
template <class T>
struct AdafactorStep {
  static constexpr std::array<std::string_view, 5> kParameters{"weight_decay", "beta2_decay",
                                                               "eps1", "eps2", "d"};
  T scale, rest, shrink, smallest, smallest_square;
  double rate, eps2, d;

  static constexpr AdafactorStep make(const UpdateStep& s, const double* h) {
    const T eps1 = h[2] < 0 ? std::numeric_limits<T>::epsilon() : static_cast<T>(h[2]);
    return {static_cast<T>(s.scale),
            static_cast<T>(std::pow(s.count(), h[1])),
            static_cast<T>(1.0 - s.rate * h[0]),
            eps1,
            eps1 * eps1,
            std::min(s.rate, 1.0 / std::sqrt(s.count())),
            h[3],
            h[4]};
  }
  // The factor on u, from the sums of squares of p and u over a tensor.
  constexpr T factor(UpdateSums sums) const {
    const double alpha = std::max(eps2, std::sqrt(sums.first / sums.count)) * rate;
    return static_cast<T>(alpha / std::max(1.0, std::sqrt(sums.second / sums.count) / d));
  }
  [[gnu::always_inline]] constexpr T direction(T g, T v) const {
    return g / std::sqrt(v > smallest_square ? v : smallest_square);
  }
};

template <class T>
struct AdafactorVectorUpdate {
  static constexpr std::array<std::string_view, 1> kStates{"variance"};
  static constexpr auto kParameters = AdafactorStep<T>::kParameters;
  AdafactorStep<T> step;
  T factor;

  static constexpr AdafactorVectorUpdate make(const UpdateStep& s, const double* h) {
    return {AdafactorStep<T>::make(s, h), T(0)};
  }
  constexpr AdafactorVectorUpdate with(UpdateSums sums) const { return {step, step.factor(sums)}; }
  [[gnu::always_inline]] constexpr void measure(T p, T g, T& v, double& of_p, double& of_u) const {
    g = g * step.scale;
    v = lerp(v, g * g, step.rest);
    const auto u = static_cast<double>(step.direction(g, v));
    of_p += static_cast<double>(p) * static_cast<double>(p);
    of_u += u * u;
  }
  [[gnu::always_inline]] constexpr void operator()(T& p, T g, T& v) const {
    p = p * step.shrink - factor * step.direction(g * step.scale, v);
  }
};

}  // namespace temper
