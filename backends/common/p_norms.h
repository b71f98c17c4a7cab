// Vector norms of torch.linalg.vector_norm as sums that may be taken in parts: add() an element,
// join() a part, finish() the whole. NaN stays NaN.
#pragma once

#include <cmath>

namespace temper {

struct SquareNorm {
  constexpr void add(double& sum, double x) const { sum += x * x; }
  constexpr void join(double& sum, double part) const { sum += part; }
  constexpr double finish(double sum) const { return std::sqrt(sum); }
};

struct AbsoluteNorm {
  constexpr void add(double& sum, double x) const { sum += std::abs(x); }
  constexpr void join(double& sum, double part) const { sum += part; }
  constexpr double finish(double sum) const { return sum; }
};

struct LargestNorm {
  constexpr void add(double& sum, double x) const { join(sum, std::abs(x)); }
  constexpr void join(double& sum, double part) const {
    sum = sum >= part || std::isnan(sum) ? sum : part;
  }
  constexpr double finish(double sum) const { return sum; }
};

struct PowerNorm {
  double p;
  constexpr void add(double& sum, double x) const { sum += std::pow(std::abs(x), p); }
  constexpr void join(double& sum, double part) const { sum += part; }
  constexpr double finish(double sum) const { return std::pow(sum, 1 / p); }
};

// Calls f(norm) with the one of norm_type `p` > 0.
template <class F>
constexpr decltype(auto) visit_norm(double p, const F& f) {
  if (p == 2) {
    return f(SquareNorm{});
  }
  if (p == 1) {
    return f(AbsoluteNorm{});
  }
  if (std::isinf(p)) {
    return f(LargestNorm{});
  }
  return f(PowerNorm{p});
}

}  // namespace temper
