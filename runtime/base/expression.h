// Elementwise arithmetic as data: functors by number and programs of them, which a backend
// interprets tile by tile or prints for a compiler. The arithmetic itself is in backends/common.
#pragma once

#include <array>
#include <vector>

#include "runtime/base/attrs.h"

namespace temper {

// In groups by their number of operands. The gradients take dy, then x or y.
enum class Functor : int {
  kConstant,  // the number p
  kRelu,
  kLeakyRelu,  // p: alpha
  kNeg,
  kAbs,
  kSign,
  kSqrt,
  kReciprocal,
  kExp,
  kLog,
  kTanh,
  kSigmoid,
  kSelu,         // p: alpha, q: gamma; Elu with q = 1
  kCelu,         // p: alpha
  kHardSigmoid,  // p: alpha, q: beta
  kHardSwish,
  kClip,  // from p to q
  kErf,
  kGelu,
  kGeluTanh,
  kSoftplus,
  kRoundFloat16,  // to what the type holds, still a float
  kRoundBFloat16,
  kNot,
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMax,
  kMin,
  kPow,
  kReluGrad,
  kLeakyReluGrad,
  kTanhGrad,
  kSigmoidGrad,
  kSeluGrad,
  kCeluGrad,
  kHardSigmoidGrad,
  kHardSwishGrad,
  kClipGrad,
  kErfGrad,
  kGeluGrad,
  kGeluTanhGrad,
  kSoftplusGrad,
  kEqual,
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual,
  kAnd,
  kOr,
  kXor,
  kWhere,    // the condition first
  kMaxGrad,  // dy, a, b
  kMinGrad,
};
inline constexpr int kFunctorCount = static_cast<int>(Functor::kMinGrad) + 1;

constexpr int operand_count(Functor functor) {
  return functor == Functor::kConstant ? 0
         : functor < Functor::kAdd     ? 1
         : functor < Functor::kWhere   ? 2
                                       : 3;
}

// Truth is 1 and 0 within a program, bool in a tensor.
constexpr bool yields_truth(Functor functor) {
  return functor == Functor::kNot || (functor >= Functor::kEqual && functor <= Functor::kXor);
}

// Of operands that a 16-bit float holds, it gives a number that the float holds.
constexpr bool keeps_rounded(Functor functor) {
  switch (functor) {
    case Functor::kRelu:
    case Functor::kNeg:
    case Functor::kAbs:
    case Functor::kSign:
    case Functor::kMax:
    case Functor::kMin:
    case Functor::kReluGrad:
    case Functor::kWhere:
      return true;
    default:
      return yields_truth(functor);
  }
}

// A functor with its parameters.
struct FunctorCall {
  Functor functor = Functor::kConstant;
  double p = 0, q = 0;
};

// Value i of a program is its input i, value `inputs` + i the result of instruction i.
struct Instruction {
  FunctorCall call;
  std::array<int, 3> operands = {-1, -1, -1};
};

struct Expression {
  int inputs = 0;
  std::vector<Instruction> code;
  std::vector<int> results;  // the value that each output is; instructions' only

  int value_count() const { return inputs + static_cast<int>(code.size()); }
  const Instruction& made(int value) const {
    return code[static_cast<std::size_t>(value - inputs)];
  }
};

// One functor on inputs 0, 1, ..
Expression single(const FunctorCall& call);

void set_expression(Attrs& attrs, const Expression& expression);
// REQUIRES: attributes of set_expression().
Expression expression_of(const Attrs& attrs);

}  // namespace temper
