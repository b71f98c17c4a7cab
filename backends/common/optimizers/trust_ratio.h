// LAMB and LARS: a reduction over each tensor gives its trust ratio, then one flat pass. measure()
// is the first pass over an element, adding to two sums of squares; with() takes the tensor's sums;
// operator() is the second pass.
#pragma once

#include "backends/common/optimizers/update_step.h"

namespace temper {

struct UpdateSums {
  double first = 0, second = 0;
  double count = 0;  // of elements
};

// Sums in double, in 16 lanes and then in order, so that they do not depend on vector width.
template <class U, class T>
[[gnu::always_inline]] constexpr UpdateSums measure_each(const U& update,
                                                         const UpdateSlice<T>& slice) {
  constexpr int kLanes = 16;
  const U u = update;
  double first[kLanes] = {}, second[kLanes] = {};
  T* const p = slice.parameter;
  const T* const g = slice.gradient;
  T* const a = slice.states[0];
  T* const b = slice.states[1];
  const auto one = [&](std::int64_t i, int lane) {
    if constexpr (U::kStates.size() == 1) {
      u.measure(p[i], g[i], a[i], first[lane], second[lane]);
    } else {
      u.measure(p[i], g[i], a[i], b[i], first[lane], second[lane]);
    }
  };
  const std::int64_t whole = slice.count / kLanes * kLanes;
  for (std::int64_t i = 0; i < whole; i += kLanes) {
#pragma GCC ivdep
    for (int lane = 0; lane < kLanes; ++lane) {
      one(i + lane, lane);
    }
  }
  for (std::int64_t i = whole; i < slice.count; ++i) {
    one(i, static_cast<int>(i - whole));
  }
  UpdateSums sums;
  for (int lane = 0; lane < kLanes; ++lane) {
    sums.first += first[lane];
    sums.second += second[lane];
  }
  sums.count = static_cast<double>(slice.count);
  return sums;
}

// You et al. 2020, Large Batch Optimization for Deep Learning, algorithm 2, phi(z) = z:
// r = m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps) + weight_decay p;  p -= rate |p| / |r| r,
// the ratio being 1 where a norm is 0.
template <class T>
struct LambUpdate {
  static constexpr std::array<std::string_view, 2> kStates{"exp_avg", "exp_avg_sq"};
  static constexpr std::array<std::string_view, 4> kParameters{"weight_decay", "beta1", "beta2",
                                                               "eps"};
  T scale, weight_decay, beta1, beta1_rest, beta2, beta2_rest, correction1, correction2, eps;
  double rate;
  T factor;  // rate times the trust ratio

  static constexpr LambUpdate make(const UpdateStep& s, const double* h) {
    const double beta1 = s.scheduled_or(h[1]), beta2 = h[2];
    return {static_cast<T>(s.scale),
            static_cast<T>(h[0]),
            static_cast<T>(beta1),
            static_cast<T>(1.0 - beta1),
            static_cast<T>(beta2),
            static_cast<T>(1.0 - beta2),
            static_cast<T>(1.0 - std::pow(beta1, s.count())),
            static_cast<T>(1.0 - std::pow(beta2, s.count())),
            static_cast<T>(h[3]),
            s.rate,
            T(0)};
  }
  constexpr LambUpdate with(UpdateSums sums) const {
    LambUpdate made = *this;
    const bool both = sums.first > 0 && sums.second > 0;
    made.factor =
        static_cast<T>(both ? rate * std::sqrt(sums.first) / std::sqrt(sums.second) : rate);
    return made;
  }
  [[gnu::always_inline]] constexpr T direction(T p, T m, T v) const {
    return m / correction1 / (std::sqrt(v / correction2) + eps) + weight_decay * p;
  }
  [[gnu::always_inline]] constexpr void measure(T p, T g, T& m, T& v, double& of_p,
                                                double& of_r) const {
    g = g * scale;
    m = m * beta1 + beta1_rest * g;
    v = v * beta2 + beta2_rest * g * g;
    const auto r = static_cast<double>(direction(p, m, v));
    of_p += static_cast<double>(p) * static_cast<double>(p);
    of_r += r * r;
  }
  [[gnu::always_inline]] constexpr void operator()(T& p, T, T& m, T& v) const {
    p = p - factor * direction(p, m, v);
  }
};

// You et al. 2017, Large Batch Training of Convolutional Networks:
// local = trust_coefficient |p| / (|g| + weight_decay |p| + eps), 1 where a norm is 0; then SGD
// with momentum on local (g + weight_decay p).
template <class T>
struct LarsUpdate {
  static constexpr std::array<std::string_view, 1> kStates{"momentum_buffer"};
  static constexpr std::array<std::string_view, 6> kParameters{
      "weight_decay", "momentum", "dampening", "nesterov", "trust_coefficient", "eps"};
  T scale, weight_decay, rate, momentum, keep;
  bool first, nesterov;
  double trust, eps, decay;
  T local;

  static constexpr LarsUpdate make(const UpdateStep& s, const double* h) {
    return {static_cast<T>(s.scale),
            static_cast<T>(h[0]),
            static_cast<T>(s.rate),
            static_cast<T>(s.scheduled_or(h[1])),
            static_cast<T>(1.0 - h[2]),
            s.step == 0,
            h[3] != 0,
            h[4],
            h[5],
            h[0],
            T(1)};
  }
  constexpr LarsUpdate with(UpdateSums sums) const {
    LarsUpdate made = *this;
    const double p = std::sqrt(sums.first), g = std::sqrt(sums.second);
    made.local = static_cast<T>(p > 0 && g > 0 ? trust * p / (g + decay * p + eps) : 1.0);
    return made;
  }
  [[gnu::always_inline]] constexpr void measure(T p, T g, T&, double& of_p, double& of_g) const {
    const auto scaled = static_cast<double>(g * scale);
    of_p += static_cast<double>(p) * static_cast<double>(p);
    of_g += scaled * scaled;
  }
  [[gnu::always_inline]] constexpr void operator()(T& p, T g, T& m) const {
    g = (g * scale + weight_decay * p) * local;
    if (momentum != T(0)) {
      const T moved = first ? g : m * momentum + keep * g;
      m = moved;
      g = nesterov ? g + momentum * moved : moved;
    }
    p = p - rate * g;
  }
};

}  // namespace temper
