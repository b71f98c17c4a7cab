// A thread per element; which function is a branch that all threads take alike.
#include <cmath>
#include <limits>

#include "backends/cuda/kernels/float_functions.h"
#include "backends/cuda/launch.cuh"

namespace temper::cuda {
namespace {

template <class T>
__device__ T circular(FloatFunction function, T x) {
  switch (function) {
    case FloatFunction::kSin:
      return std::sin(x);
    case FloatFunction::kCos:
      return std::cos(x);
    case FloatFunction::kTan:
      return std::tan(x);
    case FloatFunction::kAsin:
      return std::asin(x);
    case FloatFunction::kAcos:
      return std::acos(x);
    case FloatFunction::kAtan:
      return std::atan(x);
    case FloatFunction::kSinh:
      return std::sinh(x);
    case FloatFunction::kCosh:
      return std::cosh(x);
    case FloatFunction::kAsinh:
      return std::asinh(x);
    case FloatFunction::kAcosh:
      return std::acosh(x);
    default:
      return std::atanh(x);
  }
}

template <class T>
__device__ T value_of(const FunctionCall& call, T x) {
  const T p = static_cast<T>(call.p), q = static_cast<T>(call.q);
  switch (call.function) {
    case FloatFunction::kFloor:
      return std::floor(x);
    case FloatFunction::kCeil:
      return std::ceil(x);
    case FloatFunction::kRound:
      return std::nearbyint(x);
    case FloatFunction::kSoftsign:
      return x / (T(1) + std::abs(x));
    case FloatFunction::kThresholdedRelu:
      return x > p ? x : T(0);
    case FloatFunction::kShrink:
      return x < -p ? x + q : x > p ? x - q : T(0);
    default:
      return circular(call.function, x);
  }
}

template <class T>
__global__ void __launch_bounds__(kBlock)
    function_kernel(const FunctionCall call, const T* x, T* y, std::int64_t count) {
  const std::int64_t i = thread_number();
  if (i < count) {
    y[i] = value_of(call, x[i]);
  }
}

template <class T>
__device__ bool holds(FloatTest test, T x) {
  const bool infinite = !(std::abs(x) <= std::numeric_limits<T>::max()) && x == x;
  switch (test) {
    case FloatTest::kIsNan:
      return x != x;
    case FloatTest::kIsPositiveInf:
      return infinite && x > T(0);
    case FloatTest::kIsNegativeInf:
      return infinite && x < T(0);
    case FloatTest::kIsInf:
      return infinite;
    default:
      return false;
  }
}

template <class T>
__global__ void __launch_bounds__(kBlock)
    test_kernel(FloatTest test, const T* x, bool* y, std::int64_t count) {
  const std::int64_t i = thread_number();
  if (i < count) {
    y[i] = holds(test, x[i]);
  }
}

// A floored rest has the sign of b, a zero's too.
template <class T>
__device__ T floored_mod(T a, T b) {
  const T rest = std::fmod(a, b);
  if (rest == T(0)) {
    return std::copysign(T(0), b);
  }
  return (rest < T(0)) != (b < T(0)) ? rest + b : rest;
}

template <class T>
__device__ T value_of(FloatPair pair, T a, T b) {
  switch (pair) {
    case FloatPair::kPRelu:
      return a > T(0) ? a : b * a;
    case FloatPair::kTruncatedMod:
      return std::fmod(a, b);
    default:
      return floored_mod(a, b);
  }
}

template <class T>
__global__ void __launch_bounds__(kBlock)
    pair_kernel(FloatPair pair, const Places<2> places, const T* a, const T* b, T* y) {
  const std::int64_t i = thread_number();
  if (i < places.count) {
    y[i] = value_of(pair, a[places.find(i, 0)], b[places.find(i, 1)]);
  }
}

}  // namespace

void float_function(const FunctionCall& call, bool doubles, const void* x, void* y,
                    std::int64_t count, StreamHandle stream) {
  const auto run = [&]<class T>(T) {
    launch_elements(function_kernel<T>, count, stream, call, static_cast<const T*>(x),
                    static_cast<T*>(y), count);
  };
  doubles ? run(double{}) : run(float{});
}

void float_test(FloatTest test, bool doubles, const void* x, bool* y, std::int64_t count,
                StreamHandle stream) {
  const auto run = [&]<class T>(T) {
    launch_elements(test_kernel<T>, count, stream, test, static_cast<const T*>(x), y, count);
  };
  doubles ? run(double{}) : run(float{});
}

void float_pair(FloatPair pair, bool doubles, const Places<2>& places, const void* a, const void* b,
                void* y, StreamHandle stream) {
  const auto run = [&]<class T>(T) {
    launch_elements(pair_kernel<T>, places.count, stream, pair, places, static_cast<const T*>(a),
                    static_cast<const T*>(b), static_cast<T*>(y));
  };
  doubles ? run(double{}) : run(float{});
}

}  // namespace temper::cuda
