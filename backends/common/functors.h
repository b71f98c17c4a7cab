// The arithmetic of elementwise ops, written once for every backend: function objects on scalars.
// They are constexpr templates, so that device compilers may call them (nvcc:
// --expt-relaxed-constexpr). Integer arithmetic wraps; integer division by zero gives 0. Always
// inlined and without short-circuits, so that loops over them become vector code of the
// instruction set they stand in.
#pragma once

#include <cmath>
#include <type_traits>

namespace temper::functors {

// Where elementary functions come from: a backend may have faster ones with the same names.
struct StdMath {
  template <class T>
  static constexpr T exp(T x) {
    return std::exp(x);
  }
  template <class T>
  static constexpr T expm1(T x) {
    return std::expm1(x);
  }
  template <class T>
  static constexpr T log(T x) {
    return std::log(x);
  }
  template <class T>
  static constexpr T log1p(T x) {
    return std::log1p(x);
  }
  template <class T>
  static constexpr T tanh(T x) {
    return std::tanh(x);
  }
  template <class T>
  static constexpr T erf(T x) {
    return std::erf(x);
  }
  template <class T>
  static constexpr T erfc(T x) {
    return std::erfc(x);
  }
  // The same beside exp(-x^2), which is part of it.
  template <class T>
  static constexpr T erfc(T x, T& gauss) {
    gauss = std::exp(-x * x);
    return std::erfc(x);
  }
  template <class T>
  static constexpr T pow(T x, T exponent) {
    return std::pow(x, exponent);
  }
};

template <class T>
inline constexpr bool kIsFloat = std::is_floating_point_v<T>;

// Wrapping without undefined behaviour: all integers are computed in 64 bits and cut.
template <class T>
constexpr unsigned long long wide(T x) {
  return static_cast<unsigned long long>(x);
}

struct Add {
  template <class T>
  [[gnu::always_inline]] constexpr T operator()(T a, T b) const {
    if constexpr (kIsFloat<T>) {
      return a + b;
    } else {
      return static_cast<T>(wide(a) + wide(b));
    }
  }
};

struct Sub {
  template <class T>
  [[gnu::always_inline]] constexpr T operator()(T a, T b) const {
    if constexpr (kIsFloat<T>) {
      return a - b;
    } else {
      return static_cast<T>(wide(a) - wide(b));
    }
  }
};

struct Mul {
  template <class T>
  [[gnu::always_inline]] constexpr T operator()(T a, T b) const {
    if constexpr (kIsFloat<T>) {
      return a * b;
    } else {
      return static_cast<T>(wide(a) * wide(b));
    }
  }
};

// Integers truncate towards zero.
struct Div {
  template <class T>
  [[gnu::always_inline]] constexpr T operator()(T a, T b) const {
    if constexpr (kIsFloat<T>) {
      return a / b;
    } else if constexpr (std::is_signed_v<T>) {
      return b == 0 ? T(0) : b == T(-1) ? static_cast<T>(0 - wide(a)) : static_cast<T>(a / b);
    } else {
      return b == 0 ? T(0) : static_cast<T>(a / b);
    }
  }
};

// The exponent is of the base's type for floats; for integers see IntegerPow.
template <class Math = StdMath>
struct Pow {
  template <class T>
  [[gnu::always_inline]] constexpr T operator()(T x, T exponent) const {
    return exponent == T(2) ? x * x : Math::pow(x, exponent);
  }
};

struct IntegerPow {
  template <class T, class E>
  constexpr T operator()(T x, E exponent) const {
    if constexpr (kIsFloat<E>) {
      return static_cast<T>(std::pow(static_cast<double>(x), static_cast<double>(exponent)));
    } else {
      if (std::is_signed_v<E> && exponent < E(0)) {
        return x == T(1) ? T(1) : wide(x) + 1 == 0 ? ((exponent % 2) != 0 ? x : T(1)) : T(0);
      }
      unsigned long long result = 1;
      unsigned long long base = wide(x);
      for (unsigned long long e = wide(exponent); e != 0; e >>= 1) {
        result = (e & 1) != 0 ? result * base : result;
        base *= base;
      }
      return static_cast<T>(result);
    }
  }
};

// NaN propagates through both.
struct Max {
  template <class T>
  [[gnu::always_inline]] constexpr T operator()(T a, T b) const {
    return (a > b) | (a != a) ? a : b;
  }
};

struct Min {
  template <class T>
  [[gnu::always_inline]] constexpr T operator()(T a, T b) const {
    return (a < b) | (a != a) ? a : b;
  }
};

// The gradient of max(a, b) with respect to a: ties share it half and half.
struct MaxGrad {
  template <class T>
  [[gnu::always_inline]] constexpr T operator()(T dy, T a, T b) const {
    return a == b ? dy / T(2) : a < b ? T(0) : dy;
  }
};

struct MinGrad {
  template <class T>
  [[gnu::always_inline]] constexpr T operator()(T dy, T a, T b) const {
    return a == b ? dy / T(2) : a > b ? T(0) : dy;
  }
};

// min(max(x, low), high), as ONNX and NumPy: high wins when low > high.
struct Clip {
  template <class T>
  [[gnu::always_inline]] constexpr T operator()(T x, T low, T high) const {
    return Min{}(Max{}(x, low), high);
  }
};

// Nothing passes at the bounds themselves (torch.clamp, hardtanh, relu6).
struct ClipGrad {
  template <class T>
  [[gnu::always_inline]] constexpr T operator()(T dy, T x, T low, T high) const {
    return (x > low) & (x < high) ? dy : T(0);
  }
};

// Clip with bounds that are not NaN: comparisons alone keep a NaN x.
template <class T>
struct BoundedClip {
  T low, high;
  [[gnu::always_inline]] constexpr T operator()(T x) const {
    const T raised = x < low ? low : x;
    return raised > high ? high : raised;
  }
};

template <class T>
struct BoundedClipGrad {
  T low, high;
  [[gnu::always_inline]] constexpr T operator()(T dy, T x) const {
    return ClipGrad{}(dy, x, low, high);
  }
};

// ---------------------------------------------------------------- one argument

struct Neg {
  template <class T>
  [[gnu::always_inline]] constexpr T operator()(T x) const {
    if constexpr (kIsFloat<T>) {
      return -x;
    } else {
      return static_cast<T>(0 - wide(x));
    }
  }
};

struct Abs {
  template <class T>
  [[gnu::always_inline]] constexpr T operator()(T x) const {
    if constexpr (kIsFloat<T>) {
      return std::abs(x);
    } else {
      return x < T(0) ? static_cast<T>(0 - wide(x)) : x;
    }
  }
};

struct Sign {
  template <class T>
  [[gnu::always_inline]] constexpr T operator()(T x) const {
    return x > T(0) ? T(1) : x < T(0) ? static_cast<T>(-1) : x != x ? x : T(0);
  }
};

struct Sqrt {
  template <class T>
  [[gnu::always_inline]] constexpr T operator()(T x) const {
    return std::sqrt(x);
  }
};

template <class Math = StdMath>
struct Exp {
  template <class T>
  [[gnu::always_inline]] constexpr T operator()(T x) const {
    return Math::exp(x);
  }
};

template <class Math = StdMath>
struct Log {
  template <class T>
  [[gnu::always_inline]] constexpr T operator()(T x) const {
    return Math::log(x);
  }
};

struct Reciprocal {
  template <class T>
  [[gnu::always_inline]] constexpr T operator()(T x) const {
    return T(1) / x;
  }
};

template <class Math = StdMath>
struct Erf {
  template <class T>
  [[gnu::always_inline]] constexpr T operator()(T x) const {
    return Math::erf(x);
  }
};

// dy * 2 / sqrt(pi) * exp(-x^2)
template <class Math = StdMath>
struct ErfGrad {
  template <class T>
  [[gnu::always_inline]] constexpr T operator()(T dy, T x) const {
    return dy * T(1.1283791670955125739) * Math::exp(-x * x);
  }
};

// ---------------------------------------------------------------- comparison, logic and choice

struct Where {
  template <class T>
  [[gnu::always_inline]] constexpr T operator()(bool condition, T a, T b) const {
    return condition ? a : b;
  }
};

struct Equal {
  template <class T>
  [[gnu::always_inline]] constexpr bool operator()(T a, T b) const {
    return a == b;
  }
};

struct Less {
  template <class T>
  [[gnu::always_inline]] constexpr bool operator()(T a, T b) const {
    return a < b;
  }
};

struct LessOrEqual {
  template <class T>
  [[gnu::always_inline]] constexpr bool operator()(T a, T b) const {
    return a <= b;
  }
};

struct Greater {
  template <class T>
  [[gnu::always_inline]] constexpr bool operator()(T a, T b) const {
    return a > b;
  }
};

struct GreaterOrEqual {
  template <class T>
  [[gnu::always_inline]] constexpr bool operator()(T a, T b) const {
    return a >= b;
  }
};

struct And {
  [[gnu::always_inline]] constexpr bool operator()(bool a, bool b) const { return a & b; }
};

struct Or {
  [[gnu::always_inline]] constexpr bool operator()(bool a, bool b) const { return a | b; }
};

struct Xor {
  [[gnu::always_inline]] constexpr bool operator()(bool a, bool b) const { return a != b; }
};

struct Not {
  [[gnu::always_inline]] constexpr bool operator()(bool a) const { return !a; }
};

}  // namespace temper::functors
