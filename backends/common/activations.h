// The arithmetic of activations and their gradients: function objects on scalars, as in functors.h.
// Those with parameters are templates of the type they compute in. "f(dy, x)" is dy times the
// derivative at x.
#pragma once

#include <cmath>

#include "backends/common/functors.h"

namespace temper::functors {

// NaN stays NaN.
struct Relu {
  template <class T>
  [[gnu::always_inline]] constexpr T operator()(T x) const {
    return x <= T(0) ? T(0) : x;
  }
};

// y is the output of Relu.
struct ReluGrad {
  template <class T>
  [[gnu::always_inline]] constexpr T operator()(T dy, T y) const {
    return y > T(0) ? dy : T(0);
  }
};

template <class T>
struct LeakyRelu {
  T alpha;
  [[gnu::always_inline]] constexpr T operator()(T x) const { return x > T(0) ? x : alpha * x; }
};

template <class T>
struct LeakyReluGrad {
  T alpha;
  [[gnu::always_inline]] constexpr T operator()(T dy, T x) const {
    return x > T(0) ? dy : alpha * dy;
  }
};

// 1 / (1 + exp(-x)), without overflow on either side.
template <class Math = StdMath>
struct Sigmoid {
  template <class T>
  [[gnu::always_inline]] constexpr T operator()(T x) const {
    const T e = Math::exp(-std::abs(x));
    return (x >= T(0) ? T(1) : e) / (T(1) + e);
  }
};

// y is the output of Sigmoid.
struct SigmoidGrad {
  template <class T>
  [[gnu::always_inline]] constexpr T operator()(T dy, T y) const {
    return dy * y * (T(1) - y);
  }
};

template <class Math = StdMath>
struct Tanh {
  template <class T>
  [[gnu::always_inline]] constexpr T operator()(T x) const {
    return Math::tanh(x);
  }
};

// y is the output of Tanh.
struct TanhGrad {
  template <class T>
  [[gnu::always_inline]] constexpr T operator()(T dy, T y) const {
    return dy * (T(1) - y * y);
  }
};

// log(1 + exp(x)), written so that exp never overflows.
template <class Math = StdMath>
struct Softplus {
  template <class T>
  [[gnu::always_inline]] constexpr T operator()(T x) const {
    return (x > T(0) ? x : T(0)) + Math::log1p(Math::exp(-std::abs(x)));
  }
};

template <class Math = StdMath>
struct SoftplusGrad {
  template <class T>
  [[gnu::always_inline]] constexpr T operator()(T dy, T x) const {
    return dy * Sigmoid<Math>{}(x);
  }
};

// gamma * (x if x > 0, else alpha * (exp(x) - 1)): Elu has gamma = 1.
template <class T, class Math = StdMath>
struct Selu {
  T alpha;
  T gamma;
  [[gnu::always_inline]] constexpr T operator()(T x) const {
    return gamma * (x > T(0) ? x : alpha * Math::expm1(x));
  }
};

template <class T, class Math = StdMath>
struct SeluGrad {
  T alpha;
  T gamma;
  [[gnu::always_inline]] constexpr T operator()(T dy, T x) const {
    return dy * gamma * (x > T(0) ? T(1) : alpha * Math::exp(x));
  }
};

// x if x > 0, else alpha * (exp(x / alpha) - 1).
template <class T, class Math = StdMath>
struct Celu {
  T alpha;
  [[gnu::always_inline]] constexpr T operator()(T x) const {
    return x > T(0) ? x : alpha * Math::expm1(x / alpha);
  }
};

template <class T, class Math = StdMath>
struct CeluGrad {
  T alpha;
  [[gnu::always_inline]] constexpr T operator()(T dy, T x) const {
    return x > T(0) ? dy : dy * Math::exp(x / alpha);
  }
};

template <class T>
struct HardSigmoid {
  T alpha;
  T beta;
  [[gnu::always_inline]] constexpr T operator()(T x) const {
    const T y = alpha * x + beta;
    return y < T(0) ? T(0) : y > T(1) ? T(1) : y;
  }
};

template <class T>
struct HardSigmoidGrad {
  T alpha;
  T beta;
  [[gnu::always_inline]] constexpr T operator()(T dy, T x) const {
    const T y = alpha * x + beta;
    return y <= T(0) || y >= T(1) ? T(0) : alpha * dy;
  }
};

// x * max(0, min(1, x / 6 + 1 / 2))
struct HardSwish {
  template <class T>
  [[gnu::always_inline]] constexpr T operator()(T x) const {
    return x * HardSigmoid<T>{T(1) / T(6), T(0.5)}(x);
  }
};

// At the kinks PyTorch's choice: 0 at -3, dy at 3.
struct HardSwishGrad {
  template <class T>
  [[gnu::always_inline]] constexpr T operator()(T dy, T x) const {
    return x <= T(-3) ? T(0) : x < T(3) ? dy * (x / T(3) + T(0.5)) : dy;
  }
};

inline constexpr double kSqrtHalf = 0.70710678118654752440;
inline constexpr double kInverseSqrtTwoPi = 0.39894228040143267794;
inline constexpr double kSqrtTwoOverPi = 0.79788456080286535588;
inline constexpr double kGeluCubic = 0.044715;

// x * Phi(x); by erfc, which keeps its accuracy for negative x.
template <class Math = StdMath>
struct Gelu {
  template <class T>
  [[gnu::always_inline]] constexpr T operator()(T x) const {
    return T(0.5) * x * Math::erfc(-x * T(kSqrtHalf));
  }
};

// dy * (Phi(x) + x * phi(x))
template <class Math = StdMath>
struct GeluGrad {
  template <class T>
  [[gnu::always_inline]] constexpr T operator()(T dy, T x) const {
    T gauss = 0;
    const T twice = Math::erfc(-x * T(kSqrtHalf), gauss);
    return dy * (T(0.5) * twice + x * (T(kInverseSqrtTwoPi) * gauss));
  }
};

// x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))
template <class Math = StdMath>
struct GeluTanh {
  template <class T>
  [[gnu::always_inline]] constexpr T operator()(T x) const {
    const T inner = T(kSqrtTwoOverPi) * (x + T(kGeluCubic) * x * x * x);
    return T(0.5) * x * (T(1) + Math::tanh(inner));
  }
};

template <class Math = StdMath>
struct GeluTanhGrad {
  template <class T>
  [[gnu::always_inline]] constexpr T operator()(T dy, T x) const {
    const T t = Math::tanh(T(kSqrtTwoOverPi) * (x + T(kGeluCubic) * x * x * x));
    const T slope = T(kSqrtTwoOverPi) * (T(1) + T(3 * kGeluCubic) * x * x);
    return dy * T(0.5) * (T(1) + t + x * (T(1) - t * t) * slope);
  }
};

}  // namespace temper::functors
