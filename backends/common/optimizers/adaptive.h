// torch.optim.Adagrad and Adadelta, and Lion.
#pragma once

#include "backends/common/optimizers/update_step.h"

namespace temper {

// s += g^2;  p -= rate / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps)
template <class T>
struct AdagradUpdate {
  static constexpr std::array<std::string_view, 1> kStates{"sum"};
  static constexpr std::array<std::string_view, 3> kParameters{"weight_decay", "lr_decay", "eps"};
  GradientRule<T> rule;
  T rate, eps;

  static constexpr AdagradUpdate make(const UpdateStep& s, const double* h) {
    return {GradientRule<T>::make(s, h[0]),
            static_cast<T>(s.rate / (1.0 + static_cast<double>(s.step) * h[1])),
            static_cast<T>(h[2])};
  }
  [[gnu::always_inline]] constexpr void operator()(T& p, T g, T& s) const {
    g = rule(p, g);
    s = s + g * g;
    p = p - rate * g / (std::sqrt(s) + eps);
  }
};

// s = rho s + (1 - rho) g^2;  d = sqrt(a + eps) / sqrt(s + eps) g;  a = rho a + (1 - rho) d^2;
// p -= rate d
template <class T>
struct AdadeltaUpdate {
  static constexpr std::array<std::string_view, 2> kStates{"square_avg", "acc_delta"};
  static constexpr std::array<std::string_view, 3> kParameters{"weight_decay", "rho", "eps"};
  GradientRule<T> rule;
  T rate, rho, rho_rest, eps;

  static constexpr AdadeltaUpdate make(const UpdateStep& s, const double* h) {
    return {GradientRule<T>::make(s, h[0]), static_cast<T>(s.rate), static_cast<T>(h[1]),
            static_cast<T>(1.0 - h[1]), static_cast<T>(h[2])};
  }
  [[gnu::always_inline]] constexpr void operator()(T& p, T g, T& s, T& a) const {
    g = rule(p, g);
    s = s * rho + rho_rest * g * g;
    const T delta = std::sqrt(a + eps) / std::sqrt(s + eps) * g;
    a = a * rho + rho_rest * delta * delta;
    p = p - rate * delta;
  }
};

// Chen et al. 2023, Symbolic Discovery of Optimization Algorithms, algorithm 2:
// p -= rate (sign(beta1 m + (1 - beta1) g) + weight_decay p);  m = beta2 m + (1 - beta2) g
template <class T>
struct LionUpdate {
  static constexpr std::array<std::string_view, 1> kStates{"exp_avg"};
  static constexpr std::array<std::string_view, 3> kParameters{"weight_decay", "beta1", "beta2"};
  GradientRule<T> rule;
  T rate, beta1, beta1_rest, beta2, beta2_rest;

  static constexpr LionUpdate make(const UpdateStep& s, const double* h) {
    const double beta1 = s.scheduled_or(h[1]);
    return {
        GradientRule<T>::make(s, h[0], true), static_cast<T>(s.rate), static_cast<T>(beta1),
        static_cast<T>(1.0 - beta1),          static_cast<T>(h[2]),   static_cast<T>(1.0 - h[2])};
  }
  [[gnu::always_inline]] constexpr void operator()(T& p, T g, T& m) const {
    g = rule(p, g);
    const T mixed = m * beta1 + g * beta1_rest;
    const T sign = mixed > T(0) ? T(1) : mixed < T(0) ? T(-1) : mixed;  // NaN and 0 stay
    p = p - rate * sign;
    m = m * beta2 + beta2_rest * g;
  }
};

}  // namespace temper
