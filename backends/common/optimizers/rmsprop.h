// torch.optim.RMSprop: plain, with momentum, centered, and both.
#pragma once

#include "backends/common/optimizers/update_step.h"

namespace temper {

// s = alpha s + (1 - alpha) g^2;  centered: a += (1 - alpha)(g - a) and s - a^2 in s's place
// p -= rate g / (sqrt(s) + eps);  with momentum: b = momentum b + g / (sqrt(s) + eps), p -= rate b
template <class T>
struct RmspropRule {
  static constexpr std::array<std::string_view, 5> kParameters{"weight_decay", "alpha", "eps",
                                                               "momentum", "centered"};
  GradientRule<T> rule;
  T rate, alpha, alpha_rest, eps, momentum;
  bool centered;

  static constexpr RmspropRule make(const UpdateStep& s, const double* h) {
    return {GradientRule<T>::make(s, h[0]),
            static_cast<T>(s.rate),
            static_cast<T>(h[1]),
            static_cast<T>(1.0 - h[1]),
            static_cast<T>(h[2]),
            static_cast<T>(s.scheduled_or(h[3])),
            h[4] != 0};
  }
  [[gnu::always_inline]] constexpr T average(T g, T& s) const {
    s = s * alpha + alpha_rest * g * g;
    return std::sqrt(s) + eps;
  }
  [[gnu::always_inline]] constexpr T average(T g, T& s, T& a) const {
    s = s * alpha + alpha_rest * g * g;
    a = lerp(a, g, alpha_rest);
    return std::sqrt(centered ? s - a * a : s) + eps;
  }
  [[gnu::always_inline]] constexpr void move(T& p, T g, T average) const {
    p = p - rate * g / average;
  }
  [[gnu::always_inline]] constexpr void move(T& p, T g, T average, T& b) const {
    if (momentum > T(0)) {
      b = b * momentum + g / average;
      p = p - rate * b;
    } else {
      p = p - rate * g / average;
    }
  }
};

template <class T>
struct RmspropUpdate {
  static constexpr std::array<std::string_view, 1> kStates{"square_avg"};
  static constexpr auto kParameters = RmspropRule<T>::kParameters;
  RmspropRule<T> r;
  static constexpr RmspropUpdate make(const UpdateStep& s, const double* h) {
    return {RmspropRule<T>::make(s, h)};
  }
  [[gnu::always_inline]] constexpr void operator()(T& p, T g, T& s) const {
    g = r.rule(p, g);
    r.move(p, g, r.average(g, s));
  }
};

template <class T>
struct RmspropMomentumUpdate {
  static constexpr std::array<std::string_view, 2> kStates{"square_avg", "momentum_buffer"};
  static constexpr auto kParameters = RmspropRule<T>::kParameters;
  RmspropRule<T> r;
  static constexpr RmspropMomentumUpdate make(const UpdateStep& s, const double* h) {
    return {RmspropRule<T>::make(s, h)};
  }
  [[gnu::always_inline]] constexpr void operator()(T& p, T g, T& s, T& b) const {
    g = r.rule(p, g);
    r.move(p, g, r.average(g, s), b);
  }
};

template <class T>
struct RmspropCenteredUpdate {
  static constexpr std::array<std::string_view, 2> kStates{"square_avg", "grad_avg"};
  static constexpr auto kParameters = RmspropRule<T>::kParameters;
  RmspropRule<T> r;
  static constexpr RmspropCenteredUpdate make(const UpdateStep& s, const double* h) {
    return {RmspropRule<T>::make(s, h)};
  }
  [[gnu::always_inline]] constexpr void operator()(T& p, T g, T& s, T& a) const {
    g = r.rule(p, g);
    r.move(p, g, r.average(g, s, a));
  }
};

template <class T>
struct RmspropCenteredMomentumUpdate {
  static constexpr std::array<std::string_view, 3> kStates{"square_avg", "grad_avg",
                                                           "momentum_buffer"};
  static constexpr auto kParameters = RmspropRule<T>::kParameters;
  RmspropRule<T> r;
  static constexpr RmspropCenteredMomentumUpdate make(const UpdateStep& s, const double* h) {
    return {RmspropRule<T>::make(s, h)};
  }
  [[gnu::always_inline]] constexpr void operator()(T& p, T g, T& s, T& a, T& b) const {
    g = r.rule(p, g);
    r.move(p, g, r.average(g, s, a), b);
  }
};

}  // namespace temper
