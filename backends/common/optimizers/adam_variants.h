// torch.optim.RAdam, NAdam and Adamax.
#pragma once

#include "backends/common/optimizers/update_step.h"

namespace temper {

// Moments as Adam's; rho_inf = 2 / (1 - beta2) - 1, rho_t = rho_inf - 2 t beta2^t / (1 - beta2^t).
// p -= m / (1 - beta1^t) rate (sqrt(1 - beta2^t) / (sqrt(v) + eps)) rect, where rho_t > 5, with
// rect = sqrt((rho_t - 4)(rho_t - 2) rho_inf / ((rho_inf - 4)(rho_inf - 2) rho_t)); else without
// the last two factors.
template <class T>
struct RadamUpdate {
  static constexpr std::array<std::string_view, 2> kStates{"exp_avg", "exp_avg_sq"};
  static constexpr std::array<std::string_view, 5> kParameters{"weight_decay", "beta1", "beta2",
                                                               "eps", "decoupled"};
  GradientRule<T> rule;
  T beta1_rest, beta2, beta2_rest, correction1, rate, correction2_root, rect, eps;
  bool rectified;

  static constexpr RadamUpdate make(const UpdateStep& s, const double* h) {
    const double beta1 = s.scheduled_or(h[1]), beta2 = h[2], t = s.count();
    const double power = std::pow(beta2, t), correction2 = 1.0 - power;
    const double rho_inf = 2.0 / (1.0 - beta2) - 1.0;
    const double rho = rho_inf - 2.0 * t * power / correction2;
    const bool rectified = rho > 5.0;
    const double rect = rectified ? std::sqrt((rho - 4.0) * (rho - 2.0) * rho_inf /
                                              ((rho_inf - 4.0) * (rho_inf - 2.0) * rho))
                                  : 1.0;
    return {GradientRule<T>::make(s, h[0], h[4] != 0),
            static_cast<T>(1.0 - beta1),
            static_cast<T>(beta2),
            static_cast<T>(1.0 - beta2),
            static_cast<T>(1.0 - std::pow(beta1, t)),
            static_cast<T>(s.rate),
            static_cast<T>(std::sqrt(correction2)),
            static_cast<T>(rect),
            static_cast<T>(h[3]),
            rectified};
  }
  [[gnu::always_inline]] constexpr void operator()(T& p, T g, T& m, T& v) const {
    g = rule(p, g);
    m = lerp(m, g, beta1_rest);
    v = v * beta2 + beta2_rest * g * g;
    const T plain = m / correction1 * rate;
    const T adapted = plain * (correction2_root / (std::sqrt(v) + eps)) * rect;
    p = p - (rectified ? adapted : plain);
  }
};

// mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2); M = the product of all mu so far, kept per group.
// p -= rate (1 - mu_t) / (1 - M_t) g / d + rate mu_(t+1) / (1 - M_t mu_(t+1)) m / d,
// d = sqrt(v / (1 - beta2^t)) + eps
template <class T>
struct NadamUpdate {
  static constexpr std::array<std::string_view, 2> kStates{"exp_avg", "exp_avg_sq"};
  static constexpr std::array<std::string_view, 6> kParameters{
      "weight_decay", "beta1", "beta2", "eps", "momentum_decay", "decoupled"};
  static constexpr bool kMovesMemory = true;  // UpdateStep::memory
  GradientRule<T> rule;
  T beta1_rest, beta2, beta2_rest, correction2, of_gradient, of_moment, eps;

  static constexpr NadamUpdate make(const UpdateStep& s, const double* h) {
    const double beta1 = s.scheduled_or(h[1]), beta2 = h[2], t = s.count(), decay = h[4];
    const double mu = beta1 * (1.0 - 0.5 * std::pow(0.96, t * decay));
    const double next = beta1 * (1.0 - 0.5 * std::pow(0.96, (t + 1.0) * decay));
    *s.memory *= mu;
    const double product = *s.memory;
    return {GradientRule<T>::make(s, h[0], h[5] != 0),
            static_cast<T>(1.0 - beta1),
            static_cast<T>(beta2),
            static_cast<T>(1.0 - beta2),
            static_cast<T>(1.0 - std::pow(beta2, t)),
            static_cast<T>(-s.rate * (1.0 - mu) / (1.0 - product)),
            static_cast<T>(-s.rate * next / (1.0 - product * next)),
            static_cast<T>(h[3])};
  }
  [[gnu::always_inline]] constexpr void operator()(T& p, T g, T& m, T& v) const {
    g = rule(p, g);
    m = lerp(m, g, beta1_rest);
    v = v * beta2 + beta2_rest * g * g;
    const T denominator = std::sqrt(v / correction2) + eps;
    p = p + of_gradient * g / denominator;
    p = p + of_moment * m / denominator;
  }
};

// m as Adam's;  u = max(beta2 u, |g| + eps);  p -= rate / (1 - beta1^t) m / u
template <class T>
struct AdamaxUpdate {
  static constexpr std::array<std::string_view, 2> kStates{"exp_avg", "exp_inf"};
  static constexpr std::array<std::string_view, 4> kParameters{"weight_decay", "beta1", "beta2",
                                                               "eps"};
  GradientRule<T> rule;
  T beta1_rest, beta2, step_size, eps;

  static constexpr AdamaxUpdate make(const UpdateStep& s, const double* h) {
    const double beta1 = s.scheduled_or(h[1]);
    return {GradientRule<T>::make(s, h[0]), static_cast<T>(1.0 - beta1), static_cast<T>(h[2]),
            static_cast<T>(s.rate / (1.0 - std::pow(beta1, s.count()))), static_cast<T>(h[3])};
  }
  [[gnu::always_inline]] constexpr void operator()(T& p, T g, T& m, T& u) const {
    g = rule(p, g);
    m = lerp(m, g, beta1_rest);
    const T decayed = u * beta2, size = std::abs(g) + eps;
    u = decayed > size ? decayed : size;
    p = p - step_size * m / u;
  }
};

}  // namespace temper
