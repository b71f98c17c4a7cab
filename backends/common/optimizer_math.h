// The optimizers' arithmetic for one element, in PyTorch's order of operations (torch.optim, 2.x,
// single-tensor form). Everything that depends on the step only is worked out once per step in
// double, as PyTorch does in Python.
#pragma once

#include <cmath>
#include <cstdint>

namespace temper {

template <class T>
struct SgdStep {
  T gradient_scale;  // clipping and loss scaling; negative when maximizing
  T rate;
  T weight_decay;
  T momentum;
  T keep;      // 1 - dampening
  bool first;  // the momentum buffer starts as the first gradient
  bool nesterov;
};

template <class T>
SgdStep<T> make_sgd_step(double scale, bool maximize, double rate, double weight_decay,
                         double momentum, double dampening, bool nesterov, std::int64_t step) {
  return {static_cast<T>(maximize ? -scale : scale),
          static_cast<T>(rate),
          static_cast<T>(weight_decay),
          static_cast<T>(momentum),
          static_cast<T>(1.0 - dampening),
          step == 0,
          nesterov};
}

// g += weight_decay p;  p -= rate g
template <class T>
void sgd_element(const SgdStep<T>& s, T& p, T g) {
  g = g * s.gradient_scale;
  if (s.weight_decay != T(0)) {
    g = g + s.weight_decay * p;
  }
  p = p - s.rate * g;
}

// g += weight_decay p;  m = momentum m + (1 - dampening) g (m = g at first);  p -= rate m, or rate
// (g + momentum m)
template <class T>
void sgd_momentum_element(const SgdStep<T>& s, T& p, T g, T& m) {
  g = g * s.gradient_scale;
  if (s.weight_decay != T(0)) {
    g = g + s.weight_decay * p;
  }
  const T moved = s.first ? g : m * s.momentum + s.keep * g;
  m = moved;
  p = p - s.rate * (s.nesterov ? g + s.momentum * moved : moved);
}

template <class T>
struct AdamStep {
  T gradient_scale;
  T weight_decay;  // added to the gradient; 0 when decoupled
  T shrink;        // 1 - rate * weight_decay when decoupled, else 1
  T beta1_rest;    // 1 - beta1
  T beta2;
  T beta2_rest;        // 1 - beta2
  T step_size;         // rate / (1 - beta1^t)
  T correction2_root;  // sqrt(1 - beta2^t)
  T epsilon;
};

// `step` counts the updates made before this one: PyTorch's t is step + 1.
template <class T>
AdamStep<T> make_adam_step(double scale, bool maximize, double rate, double weight_decay,
                           bool decoupled, double beta1, double beta2, double epsilon,
                           std::int64_t step) {
  const double t = static_cast<double>(step) + 1.0;
  const double correction1 = 1.0 - std::pow(beta1, t);
  const double correction2 = 1.0 - std::pow(beta2, t);
  return {static_cast<T>(maximize ? -scale : scale),
          static_cast<T>(decoupled ? 0.0 : weight_decay),
          static_cast<T>(decoupled ? 1.0 - rate * weight_decay : 1.0),
          static_cast<T>(1.0 - beta1),
          static_cast<T>(beta2),
          static_cast<T>(1.0 - beta2),
          static_cast<T>(rate / correction1),
          static_cast<T>(std::sqrt(correction2)),
          static_cast<T>(epsilon)};
}

// m += (1 - beta1)(g - m);  v = beta2 v + (1 - beta2) g^2;  p -= step_size m / (sqrt(v) /
// correction2_root + epsilon)
template <class T>
void adam_element(const AdamStep<T>& s, T& p, T g, T& m, T& v) {
  g = g * s.gradient_scale;
  if (s.weight_decay != T(0)) {
    g = g + s.weight_decay * p;
  }
  p = p * s.shrink;
  // lerp as PyTorch computes it: from the nearer end.
  m = s.beta1_rest < T(0.5) ? m + s.beta1_rest * (g - m) : g - (g - m) * (T(1) - s.beta1_rest);
  v = v * s.beta2 + s.beta2_rest * g * g;
  const T denominator = std::sqrt(v) / s.correction2_root + s.epsilon;
  p = p - s.step_size * m / denominator;
}

}  // namespace temper
