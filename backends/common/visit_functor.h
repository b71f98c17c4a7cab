// From the number of a functor to its arithmetic: each function calls f with the function object
// that `call` names, which computes in T and takes its elementary functions from Math. One function
// for each number of operands; false where the functor has another.
#pragma once

#include "backends/common/activations.h"
#include "backends/common/functors.h"
#include "backends/common/rounding.h"
#include "runtime/base/expression.h"

namespace temper::functors {

template <class T, class Math, class F>
[[gnu::always_inline]] constexpr bool visit_unary(const FunctorCall& call, const F& f) {
  const T p = static_cast<T>(call.p), q = static_cast<T>(call.q);
  switch (call.functor) {
    case Functor::kRelu:
      return f(Relu{}), true;
    case Functor::kLeakyRelu:
      return f(LeakyRelu<T>{p}), true;
    case Functor::kNeg:
      return f(Neg{}), true;
    case Functor::kAbs:
      return f(Abs{}), true;
    case Functor::kSign:
      return f(Sign{}), true;
    case Functor::kSqrt:
      return f(Sqrt{}), true;
    case Functor::kReciprocal:
      return f(Reciprocal{}), true;
    case Functor::kExp:
      return f(Exp<Math>{}), true;
    case Functor::kLog:
      return f(Log<Math>{}), true;
    case Functor::kTanh:
      return f(Tanh<Math>{}), true;
    case Functor::kSigmoid:
      return f(Sigmoid<Math>{}), true;
    case Functor::kSelu:
      return f(Selu<T, Math>{p, q}), true;
    case Functor::kCelu:
      return f(Celu<T, Math>{p}), true;
    case Functor::kHardSigmoid:
      return f(HardSigmoid<T>{p, q}), true;
    case Functor::kHardSwish:
      return f(HardSwish{}), true;
    case Functor::kClip:
      return f(BoundedClip<T>{p, q}), true;
    case Functor::kErf:
      return f(Erf<Math>{}), true;
    case Functor::kGelu:
      return f(Gelu<Math>{}), true;
    case Functor::kGeluTanh:
      return f(GeluTanh<Math>{}), true;
    case Functor::kSoftplus:
      return f(Softplus<Math>{}), true;
    case Functor::kRoundFloat16:
      return f(RoundFloat16{}), true;
    case Functor::kRoundBFloat16:
      return f(RoundBFloat16{}), true;
    case Functor::kNot:
      return f(Not{}), true;
    default:
      return false;
  }
}

// Ops of two operands and comparisons.
template <class T, class Math, class F>
[[gnu::always_inline]] constexpr bool visit_plain_binary(const FunctorCall& call, const F& f) {
  switch (call.functor) {
    case Functor::kAdd:
      return f(Add{}), true;
    case Functor::kSub:
      return f(Sub{}), true;
    case Functor::kMul:
      return f(Mul{}), true;
    case Functor::kDiv:
      return f(Div{}), true;
    case Functor::kMax:
      return f(Max{}), true;
    case Functor::kMin:
      return f(Min{}), true;
    case Functor::kPow:
      return f(Pow<Math>{}), true;
    case Functor::kEqual:
      return f(Equal{}), true;
    case Functor::kLess:
      return f(Less{}), true;
    case Functor::kLessOrEqual:
      return f(LessOrEqual{}), true;
    case Functor::kGreater:
      return f(Greater{}), true;
    case Functor::kGreaterOrEqual:
      return f(GreaterOrEqual{}), true;
    case Functor::kAnd:
      return f(And{}), true;
    case Functor::kOr:
      return f(Or{}), true;
    case Functor::kXor:
      return f(Xor{}), true;
    default:
      return false;
  }
}

// Gradients of ops of one operand.
template <class T, class Math, class F>
[[gnu::always_inline]] constexpr bool visit_gradient(const FunctorCall& call, const F& f) {
  const T p = static_cast<T>(call.p), q = static_cast<T>(call.q);
  switch (call.functor) {
    case Functor::kReluGrad:
      return f(ReluGrad{}), true;
    case Functor::kLeakyReluGrad:
      return f(LeakyReluGrad<T>{p}), true;
    case Functor::kTanhGrad:
      return f(TanhGrad{}), true;
    case Functor::kSigmoidGrad:
      return f(SigmoidGrad{}), true;
    case Functor::kSeluGrad:
      return f(SeluGrad<T, Math>{p, q}), true;
    case Functor::kCeluGrad:
      return f(CeluGrad<T, Math>{p}), true;
    case Functor::kHardSigmoidGrad:
      return f(HardSigmoidGrad<T>{p, q}), true;
    case Functor::kHardSwishGrad:
      return f(HardSwishGrad{}), true;
    case Functor::kClipGrad:
      return f(BoundedClipGrad<T>{p, q}), true;
    case Functor::kErfGrad:
      return f(ErfGrad<Math>{}), true;
    case Functor::kGeluGrad:
      return f(GeluGrad<Math>{}), true;
    case Functor::kGeluTanhGrad:
      return f(GeluTanhGrad<Math>{}), true;
    case Functor::kSoftplusGrad:
      return f(SoftplusGrad<Math>{}), true;
    default:
      return false;
  }
}

template <class T, class Math, class F>
[[gnu::always_inline]] constexpr bool visit_binary(const FunctorCall& call, const F& f) {
  return visit_plain_binary<T, Math>(call, f) || visit_gradient<T, Math>(call, f);
}

template <class F>
[[gnu::always_inline]] constexpr bool visit_ternary(const FunctorCall& call, const F& f) {
  switch (call.functor) {
    case Functor::kWhere:
      return f(Where{}), true;
    case Functor::kMaxGrad:
      return f(MaxGrad{}), true;
    case Functor::kMinGrad:
      return f(MinGrad{}), true;
    default:
      return false;
  }
}

}  // namespace temper::functors
