// torch.optim.Adam and AdamW (decoupled), without and with amsgrad.
#pragma once

#include "backends/common/optimizers/update_step.h"

namespace temper {

// What both forms of Adam know of a step. t = step + 1:
// m += (1 - beta1)(g - m);  v = beta2 v + (1 - beta2) g^2
// p -= rate / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
// (times the inverse of the inner root: a division for each element takes a third of the time)
template <class T>
struct AdamMoments {
  static constexpr std::array<std::string_view, 5> kParameters{"weight_decay", "beta1", "beta2",
                                                               "eps", "decoupled"};
  GradientRule<T> rule;
  T beta1_rest;  // 1 - beta1
  T beta2;
  T beta2_rest;     // 1 - beta2
  T step_size;      // rate / (1 - beta1^t)
  T inverse_root2;  // 1 / sqrt(1 - beta2^t)
  T eps;

  static constexpr AdamMoments make(const UpdateStep& s, const double* h) {
    const double beta1 = s.scheduled_or(h[1]);
    const double beta2 = h[2];
    return {GradientRule<T>::make(s, h[0], h[4] != 0),
            static_cast<T>(1.0 - beta1),
            static_cast<T>(beta2),
            static_cast<T>(1.0 - beta2),
            static_cast<T>(s.rate / (1.0 - std::pow(beta1, s.count()))),
            static_cast<T>(1.0 / std::sqrt(1.0 - std::pow(beta2, s.count()))),
            static_cast<T>(h[3])};
  }
  [[gnu::always_inline]] constexpr void move(T& p, T g, T& m, T& v) const {
    g = rule(p, g);
    m = lerp(m, g, beta1_rest);
    v = v * beta2 + beta2_rest * g * g;
  }
  [[gnu::always_inline]] constexpr void step(T& p, T m, T v) const {
    p = p - step_size * m / (std::sqrt(v) * inverse_root2 + eps);
  }
};

template <class T>
struct AdamUpdate {
  static constexpr std::array<std::string_view, 2> kStates{"exp_avg", "exp_avg_sq"};
  static constexpr auto kParameters = AdamMoments<T>::kParameters;
  AdamMoments<T> moments;

  static constexpr AdamUpdate make(const UpdateStep& s, const double* h) {
    return {AdamMoments<T>::make(s, h)};
  }
  [[gnu::always_inline]] constexpr void operator()(T& p, T g, T& m, T& v) const {
    moments.move(p, g, m, v);
    moments.step(p, m, v);
  }
};

// amsgrad: the largest v so far takes v's place in the denominator. A group without it keeps its
// own maximum unused.
template <class T>
struct AdamAmsgradUpdate {
  static constexpr std::array<std::string_view, 3> kStates{"exp_avg", "exp_avg_sq",
                                                           "max_exp_avg_sq"};
  static constexpr std::array<std::string_view, 6> kParameters{
      "weight_decay", "beta1", "beta2", "eps", "decoupled", "amsgrad"};
  AdamMoments<T> moments;
  bool amsgrad;

  static constexpr AdamAmsgradUpdate make(const UpdateStep& s, const double* h) {
    return {AdamMoments<T>::make(s, h), h[5] != 0};
  }
  [[gnu::always_inline]] constexpr void operator()(T& p, T g, T& m, T& v, T& largest) const {
    moments.move(p, g, m, v);
    // torch.maximum lets NaN through: neither comparison holds.
    largest = largest > v ? largest : v;
    moments.step(p, m, amsgrad ? largest : v);
  }
};

}  // namespace temper
