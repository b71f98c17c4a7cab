// What an optimizer's arithmetic is given, and the loop over flat memory that applies it. An
// optimizer is a functor, one per set of states: kStates and kParameters name what it needs, make()
// works out in double what depends on the step only (as PyTorch does in Python), and operator() is
// the update of one element in PyTorch's order of operations (torch.optim, single-tensor form).
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>

namespace temper {

// One group of parameters at one step.
struct UpdateStep {
  double scale = 1;          // on the gradient: clipping, loss unscaling; negative when maximizing
  double rate = 0;           // learning rate
  double momentum = NAN;     // scheduled momentum or beta1; NaN: the optimizer's own
  std::int64_t step = 0;     // updates before this one: PyTorch's step is one more
  double* memory = nullptr;  // the group's number that lives from step to step, if it has one

  constexpr double count() const { return static_cast<double>(step) + 1.0; }
  constexpr double scheduled_or(double own) const { return std::isnan(momentum) ? own : momentum; }
};

// The scalars of a step as an update node gets them (graph/ops/optimizer_updates.cpp), and what its
// attributes say of its groups. A group here is a group of the node in one phase: parameters with
// the same step.
struct UpdateScalars {
  const double* rates = nullptr;        // [2 groups, slots]
  const std::int64_t* steps = nullptr;  // [phases]
  const float* scale = nullptr;         // one of these two, or none
  const double* wide_scale = nullptr;
  double* memory = nullptr;  // [groups phases], where the optimizer has one
  std::int64_t groups = 1, phases = 1, slots = 1;
  const double* signs = nullptr;         // [groups]: -1 when maximizing
  const double* rate_factors = nullptr;  // [groups]

  constexpr UpdateStep step_of(std::int64_t group) const {
    UpdateStep made;
    made.step = steps[group % phases];
    if (memory != nullptr) {
      made.memory = memory + group;
    }
    group /= phases;
    const std::int64_t slot = steps[0] % slots;
    made.rate = rates[group * slots + slot] * rate_factors[group];
    made.momentum = rates[(groups + group) * slots + slot];
    made.scale = signs[group];
    if (scale != nullptr) {
      made.scale *= static_cast<double>(*scale);
    } else if (wide_scale != nullptr) {
      made.scale *= *wide_scale;
    }
    return made;
  }
};

inline constexpr std::size_t kMaxUpdateStates = 3;

// A stretch of the flat buffers.
template <class T>
struct UpdateSlice {
  T* parameter = nullptr;
  const T* gradient = nullptr;
  std::array<T*, kMaxUpdateStates> states{};
  std::int64_t count = 0;
};

template <class U, class T>
[[gnu::always_inline]] constexpr void update_each(const U& update, const UpdateSlice<T>& slice) {
  constexpr std::size_t kCount = U::kStates.size();
  static_assert(kCount <= kMaxUpdateStates);
  const U u = update;  // a copy, so that no store may change it
  T* const p = slice.parameter;
  const T* const g = slice.gradient;
  T* const a = slice.states[0];
  T* const b = slice.states[1];
  T* const c = slice.states[2];
  const std::int64_t n = slice.count;
#pragma GCC ivdep
  for (std::int64_t i = 0; i < n; ++i) {
    if constexpr (kCount == 0) {
      u(p[i], g[i]);
    } else if constexpr (kCount == 1) {
      u(p[i], g[i], a[i]);
    } else if constexpr (kCount == 2) {
      u(p[i], g[i], a[i], b[i]);
    } else {
      u(p[i], g[i], a[i], b[i], c[i]);
    }
  }
}

// torch.lerp(start, end, weight): from the nearer end.
template <class T>
[[gnu::always_inline]] constexpr T lerp(T start, T end, T weight) {
  return weight < T(0.5) ? start + weight * (end - start) : end - (end - start) * (T(1) - weight);
}

// What most optimizers do to a gradient first: scale, then the penalty's gradient.
template <class T>
struct GradientRule {
  T scale = 1;
  T weight_decay = 0;  // coupled; 0 when decoupled
  T shrink = 1;        // on the parameter: 1 - rate * weight_decay when decoupled, else 1

  static constexpr GradientRule make(const UpdateStep& s, double weight_decay,
                                     bool decoupled = false) {
    return {static_cast<T>(s.scale), static_cast<T>(decoupled ? 0.0 : weight_decay),
            static_cast<T>(decoupled ? 1.0 - s.rate * weight_decay : 1.0)};
  }
  [[gnu::always_inline]] constexpr T operator()(T& p, T g) const {
    g = g * scale;
    if (weight_decay != T(0)) {
      g = g + weight_decay * p;
    }
    p = p * shrink;
    return g;
  }
};

}  // namespace temper
