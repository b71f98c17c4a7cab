// Adaptive gradient clipping (Brock et al. 2021, High-Performance Large-Scale Image Recognition
// Without Normalization; timm's adaptive_clip_grad): each unit's gradient, a row of a weight, is
// scaled to at most clip_factor max(norm of the unit's weights, eps).
#pragma once

#include <algorithm>
#include <cstdint>

#include "backends/common/p_norms.h"

namespace temper {

// A tensor as [outer, units, inner].
struct UnitView {
  std::int64_t outer = 1, units = 1, inner = 1;
};

struct AdaptiveClip {
  UnitView view;
  double clip_factor = 0.01, eps = 1e-3, norm_type = 2;

  // Of a unit, from the norms of its weights and its gradient.
  constexpr double factor(double of_parameter, double of_gradient) const {
    const double most = std::max(of_parameter, eps) * clip_factor;
    return of_gradient < most ? 1.0 : most / std::max(of_gradient, kSmallest);
  }

  // Units [begin, end) of `clipped`; `sums` has room for two numbers per unit.
  template <class T>
  void run(const T* gradient, const T* parameter, T* clipped, double* sums, std::int64_t begin,
           std::int64_t end) const {
    visit_norm(norm_type, [&](auto norm) {
      double* of_p = sums;
      double* of_g = sums + view.units;
      std::fill(of_p + begin, of_p + end, 0.0);
      std::fill(of_g + begin, of_g + end, 0.0);
      each(begin, end, [&](std::int64_t unit, std::int64_t at) {
        norm.add(of_p[unit], static_cast<double>(parameter[at]));
        norm.add(of_g[unit], static_cast<double>(gradient[at]));
      });
      for (std::int64_t unit = begin; unit < end; ++unit) {
        of_g[unit] = factor(norm.finish(of_p[unit]), norm.finish(of_g[unit]));
      }
      each(begin, end, [&](std::int64_t unit, std::int64_t at) {
        clipped[at] = static_cast<T>(static_cast<double>(gradient[at]) * of_g[unit]);
      });
    });
  }

 private:
  static constexpr double kSmallest = 1e-6;  // of a gradient's norm, as timm

  template <class F>
  void each(std::int64_t begin, std::int64_t end, const F& f) const {
    for (std::int64_t o = 0; o < view.outer; ++o) {
      for (std::int64_t unit = begin; unit < end; ++unit) {
        const std::int64_t first = (o * view.units + unit) * view.inner;
        for (std::int64_t i = first; i < first + view.inner; ++i) {
          f(unit, i);
        }
      }
    }
  }
};

}  // namespace temper
