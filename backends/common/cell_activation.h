// The activations of LSTM, GRU and RNN: the value and the derivative at an input.
#pragma once

#include <cmath>
#include <cstdint>

namespace temper {

template <class T>
struct CellActivation {
  // Numbered as the shape rule numbers them.
  enum class Kind : std::int64_t {
    kRelu,
    kTanh,
    kSigmoid,
    kAffine,
    kLeakyRelu,
    kThresholdedRelu,
    kScaledTanh,
    kHardSigmoid,
    kElu,
    kSoftsign,
    kSoftplus
  };

  Kind kind = Kind::kTanh;
  T alpha = 0, beta = 0;

  constexpr T value(T x) const {
    switch (kind) {
      case Kind::kRelu:
        return x <= 0 ? T(0) : x;
      case Kind::kTanh:
        return std::tanh(x);
      case Kind::kSigmoid:
        return sigmoid(x);
      case Kind::kAffine:
        return alpha * x + beta;
      case Kind::kLeakyRelu:
        return x > 0 ? x : alpha * x;
      case Kind::kThresholdedRelu:
        return x <= alpha ? T(0) : x;
      case Kind::kScaledTanh:
        return alpha * std::tanh(beta * x);
      case Kind::kHardSigmoid: {
        const T line = alpha * x + beta;
        return line <= 0 ? T(0) : line >= 1 ? T(1) : line;
      }
      case Kind::kElu:
        return x > 0 ? x : alpha * std::expm1(x);
      case Kind::kSoftsign:
        return x / (1 + std::abs(x));
      case Kind::kSoftplus:
        return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
    }
    return 0;
  }

  // At kinks as the ops of the same names have it.
  constexpr T slope(T x) const {
    switch (kind) {
      case Kind::kRelu:
        return x > 0 ? T(1) : T(0);
      case Kind::kTanh: {
        const T y = std::tanh(x);
        return 1 - y * y;
      }
      case Kind::kSigmoid:
        return sigmoid(x) * sigmoid(-x);
      case Kind::kAffine:
        return alpha;
      case Kind::kLeakyRelu:
        return x > 0 ? T(1) : alpha;
      case Kind::kThresholdedRelu:
        return x > alpha ? T(1) : T(0);
      case Kind::kScaledTanh: {
        const T y = std::tanh(beta * x);
        return alpha * beta * (1 - y * y);
      }
      case Kind::kHardSigmoid: {
        const T line = alpha * x + beta;
        return line > 0 && line < 1 ? alpha : T(0);
      }
      case Kind::kElu:
        return x > 0 ? T(1) : alpha * std::exp(x);
      case Kind::kSoftsign: {
        const T below = 1 + std::abs(x);
        return 1 / (below * below);
      }
      case Kind::kSoftplus:
        return sigmoid(x);
    }
    return 0;
  }

 private:
  static constexpr T sigmoid(T x) {
    const T e = std::exp(-std::abs(x));
    return (x >= 0 ? T(1) : e) / (1 + e);
  }
};

}  // namespace temper
