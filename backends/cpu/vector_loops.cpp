#include "backends/cpu/vector_loops.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "backends/common/activations.h"
#include "backends/common/functors.h"
#include "backends/cpu/instruction_sets.h"
#include "backends/cpu/vector_math.h"

// target_clones makes one copy per instruction set; the functors are inlined into each.
namespace temper::cpu {
namespace {

constexpr int kLanes = 16;

struct ExpOf {
  [[gnu::always_inline]] float operator()(float x) const { return exp_of(x); }
};
struct LogOf {
  [[gnu::always_inline]] float operator()(float x) const { return log_of(x); }
};
struct TanhOf {
  [[gnu::always_inline]] float operator()(float x) const { return tanh_of(x); }
};
struct SigmoidOf {
  [[gnu::always_inline]] float operator()(float x) const { return sigmoid_of(x); }
};
struct EluOf {
  float alpha, gamma;
  [[gnu::always_inline]] float operator()(float x) const {
    // expm1 from tanh: e^x - 1 = 2 t / (1 - t) with t = tanh(x / 2), which keeps its accuracy near
    // 0.
    const float t = tanh_of(0.5f * (x < 0.0f ? x : 0.0f));
    return gamma * (x <= 0.0f ? alpha * (2.0f * t / (1.0f - t)) : x);
  }
};

// y may be x: each element is read before it is written, which is all that ivdep promises.
template <class F>
[[gnu::always_inline]] inline void each(const F& f, const float* x, float* y, std::int64_t n) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < n; ++i) {
    y[i] = f(x[i]);
  }
}

template <class F>
[[gnu::always_inline]] inline void each_pair(const F& f, const float* a, std::int64_t a_stride,
                                             const float* b, std::int64_t b_stride, float* y,
                                             std::int64_t n) {
  if (a_stride != 0 && b_stride != 0) {
#pragma GCC ivdep
    for (std::int64_t i = 0; i < n; ++i) {
      y[i] = f(a[i], b[i]);
    }
    return;
  }
  const float a0 = *a, b0 = *b;
  if (a_stride != 0) {
#pragma GCC ivdep
    for (std::int64_t i = 0; i < n; ++i) {
      y[i] = f(a[i], b0);
    }
  } else if (b_stride != 0) {
#pragma GCC ivdep
    for (std::int64_t i = 0; i < n; ++i) {
      y[i] = f(a0, b[i]);
    }
  } else {
    std::fill(y, y + n, f(a0, b0));
  }
}

// The sum of f(x) in double: lane j takes elements j, j + 16, ...
template <class F>
[[gnu::always_inline]] inline double lane_sum(const F& f, const float* x, std::int64_t n) {
  double lanes[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int j = 0; j < kLanes; ++j) {
      lanes[j] += f(static_cast<double>(x[i + j]));
    }
  }
  for (int j = 0; i < n; ++i, ++j) {
    lanes[j] += f(static_cast<double>(x[i]));
  }
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int j = 0; j < width; ++j) {
      lanes[j] += lanes[j + width];
    }
  }
  return lanes[0];
}

}  // namespace

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void unary_loop(Unary op, const float* x, float* y, std::int64_t n, float p, float q) {
  switch (op) {
    case Unary::kRelu:
      return each(functors::Relu{}, x, y, n);
    case Unary::kLeakyRelu:
      return each(functors::LeakyRelu<float>{p}, x, y, n);
    case Unary::kNeg:
      return each(functors::Neg{}, x, y, n);
    case Unary::kAbs:
      return each(functors::Abs{}, x, y, n);
    case Unary::kSqrt:
      return each(functors::Sqrt{}, x, y, n);
    case Unary::kReciprocal:
      return each(functors::Reciprocal{}, x, y, n);
    case Unary::kExp:
      return each(ExpOf{}, x, y, n);
    case Unary::kLog:
      return each(LogOf{}, x, y, n);
    case Unary::kTanh:
      return each(TanhOf{}, x, y, n);
    case Unary::kSigmoid:
      return each(SigmoidOf{}, x, y, n);
    case Unary::kElu:
      return each(EluOf{p, q}, x, y, n);
    case Unary::kHardSigmoid:
      return each(functors::HardSigmoid<float>{p, q}, x, y, n);
    case Unary::kHardSwish:
      return each(functors::HardSwish{}, x, y, n);
    case Unary::kClip:
      return each([p, q](float v) { return functors::Clip{}(v, p, q); }, x, y, n);
  }
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void binary_loop(Binary op, const float* a, std::int64_t as, const float* b, std::int64_t bs,
                 float* y, std::int64_t n, float p) {
  switch (op) {
    case Binary::kAdd:
      return each_pair(functors::Add{}, a, as, b, bs, y, n);
    case Binary::kSub:
      return each_pair(functors::Sub{}, a, as, b, bs, y, n);
    case Binary::kMul:
      return each_pair(functors::Mul{}, a, as, b, bs, y, n);
    case Binary::kDiv:
      return each_pair(functors::Div{}, a, as, b, bs, y, n);
    case Binary::kMax:
      return each_pair(functors::Max{}, a, as, b, bs, y, n);
    case Binary::kMin:
      return each_pair(functors::Min{}, a, as, b, bs, y, n);
    case Binary::kReluGrad:
      return each_pair(functors::ReluGrad{}, a, as, b, bs, y, n);
    case Binary::kLeakyReluGrad:
      return each_pair(functors::LeakyReluGrad<float>{p}, a, as, b, bs, y, n);
    case Binary::kTanhGrad:
      return each_pair(functors::TanhGrad{}, a, as, b, bs, y, n);
    case Binary::kSigmoidGrad:
      return each_pair(functors::SigmoidGrad{}, a, as, b, bs, y, n);
  }
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
double sum(const float* x, std::int64_t n) {
  return lane_sum([](double v) { return v; }, x, n);
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
double sum_of_squares(const float* x, std::int64_t n) {
  return lane_sum([](double v) { return v * v; }, x, n);
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void add_to(double* totals, const float* x, std::int64_t n) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < n; ++i) {
    totals[i] += static_cast<double>(x[i]);
  }
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
bool all_finite(const float* x, std::int64_t n) {
  std::uint32_t bad = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const std::uint32_t exponent = std::bit_cast<std::uint32_t>(x[i]) & 0x7f800000u;
    bad |= exponent == 0x7f800000u ? 1u : 0u;
  }
  return bad == 0;
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void log_softmax_row(const float* x, float* y, std::int64_t n) {
  float tops[kLanes];
  std::fill(tops, tops + kLanes, -std::numeric_limits<float>::infinity());
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int j = 0; j < kLanes; ++j) {
      tops[j] = x[i + j] > tops[j] ? x[i + j] : tops[j];
    }
  }
  for (; i < n; ++i) {
    tops[0] = x[i] > tops[0] ? x[i] : tops[0];
  }
  const float top = *std::max_element(tops, tops + kLanes);
  double lanes[kLanes] = {};
  for (i = 0; i + kLanes <= n; i += kLanes) {
    for (int j = 0; j < kLanes; ++j) {
      lanes[j] += static_cast<double>(exp_of(x[i + j] - top));
    }
  }
  for (int j = 0; i < n; ++i, ++j) {
    lanes[j] += static_cast<double>(exp_of(x[i] - top));
  }
  double total = 0;
  for (const double lane : lanes) {
    total += lane;
  }
  const double log_sum = std::log(total);
  const double shift = static_cast<double>(top) + log_sum;
#pragma GCC ivdep
  for (i = 0; i < n; ++i) {
    y[i] = static_cast<float>(static_cast<double>(x[i]) - shift);
  }
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void cross_entropy_grad_row(const float* log_prob, const float* weights, float factor,
                            float target_sum, float spread, float* y, std::int64_t n) {
  if (weights == nullptr) {
#pragma GCC ivdep
    for (std::int64_t i = 0; i < n; ++i) {
      y[i] = factor * (exp_of(log_prob[i]) * target_sum - spread);
    }
    return;
  }
#pragma GCC ivdep
  for (std::int64_t i = 0; i < n; ++i) {
    y[i] = factor * (exp_of(log_prob[i]) * target_sum - spread * weights[i]);
  }
}

}  // namespace temper::cpu
