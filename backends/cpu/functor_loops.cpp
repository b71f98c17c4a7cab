#include "backends/cpu/functor_loops.h"

#include <algorithm>

#include "backends/common/visit_functor.h"
#include "backends/cpu/instruction_sets.h"
#include "backends/cpu/vector_math.h"

// target_clones makes one copy per instruction set.
namespace temper::cpu {
namespace {

// Truth by a choice, which becomes vector code where a conversion does not.
[[gnu::always_inline]] inline float number_of(float value) { return value; }
[[gnu::always_inline]] inline float number_of(bool truth) { return truth ? 1.0f : 0.0f; }

// y may be an input: each element is read before it is written, which is all that ivdep promises.
struct Each {
  const float* x;
  float* y;
  std::int64_t n;

  template <class F>
  [[gnu::always_inline]] void operator()(const F& f) const {
#pragma GCC ivdep
    for (std::int64_t i = 0; i < n; ++i) {
      y[i] = number_of(f(x[i]));
    }
  }
};

struct EachPair {
  Operand a, b;
  float* y;
  std::int64_t n;

  template <class F>
  [[gnu::always_inline]] void operator()(const F& f) const {
    if (a.stride != 0 && b.stride != 0) {
#pragma GCC ivdep
      for (std::int64_t i = 0; i < n; ++i) {
        y[i] = number_of(f(a.data[i], b.data[i]));
      }
      return;
    }
    const float a0 = *a.data, b0 = *b.data;
    if (a.stride != 0) {
#pragma GCC ivdep
      for (std::int64_t i = 0; i < n; ++i) {
        y[i] = number_of(f(a.data[i], b0));
      }
    } else if (b.stride != 0) {
#pragma GCC ivdep
      for (std::int64_t i = 0; i < n; ++i) {
        y[i] = number_of(f(a0, b.data[i]));
      }
    } else {
      std::fill(y, y + n, number_of(f(a0, b0)));
    }
  }
};

// All in step, or Where with a number; else numbers are repeated, read before anything is written.
struct EachTriple {
  Operand a, b, c;
  float* y;
  std::int64_t n;

  template <class F>
  [[gnu::always_inline]] void operator()(const F& f) const {
    const float a0 = *a.data, b0 = *b.data, c0 = *c.data;
    if (a.stride != 0 && b.stride != 0 && c.stride != 0) {
#pragma GCC ivdep
      for (std::int64_t i = 0; i < n; ++i) {
        y[i] = f(a.data[i], b.data[i], c.data[i]);
      }
    } else if (a.stride != 0 && b.stride != 0) {
#pragma GCC ivdep
      for (std::int64_t i = 0; i < n; ++i) {
        y[i] = f(a.data[i], b.data[i], c0);
      }
    } else {
#pragma GCC ivdep
      for (std::int64_t i = 0; i < n; ++i) {
        y[i] = f(a.stride != 0 ? a.data[i] : a0, b.stride != 0 ? b.data[i] : b0,
                 c.stride != 0 ? c.data[i] : c0);
      }
    }
  }
};

// Powers that a few products give: the exponents that exporters write.
[[gnu::always_inline]] inline bool simple_power(float exponent, const Each& each) {
  if (exponent == 2.0f) {
    each([](float x) { return x * x; });
  } else if (exponent == 3.0f) {
    each([](float x) { return x * x * x; });
  } else if (exponent == 1.0f) {
    each([](float x) { return x; });
  } else if (exponent == -1.0f) {
    each([](float x) { return 1.0f / x; });
  } else {
    return false;
  }
  return true;
}

}  // namespace

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void unary_loop(const FunctorCall& call, const float* x, float* y, std::int64_t n) {
  functors::visit_unary<float, VectorMath>(call, Each{x, y, n});
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void binary_loop(const FunctorCall& call, const Operand& a, const Operand& b, float* y,
                 std::int64_t n) {
  if (call.functor == Functor::kPow && b.stride == 0 && a.stride != 0 &&
      simple_power(*b.data, Each{a.data, y, n})) {
    return;
  }
  functors::visit_binary<float, VectorMath>(call, EachPair{a, b, y, n});
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void ternary_loop(const FunctorCall& call, const Operand& a, const Operand& b, const Operand& c,
                  float* y, std::int64_t n) {
  functors::visit_ternary(call, EachTriple{a, b, c, y, n});
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void load_truth(const bool* x, float* y, std::int64_t n) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(x);
  for (std::int64_t i = 0; i < n; ++i) {
    y[i] = static_cast<float>(bytes[i]);
  }
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void store_truth(const float* x, bool* y, std::int64_t n) {
  auto* bytes = reinterpret_cast<unsigned char*>(y);
  for (std::int64_t i = 0; i < n; ++i) {
    bytes[i] = x[i] != 0.0f ? 1 : 0;
  }
}

}  // namespace temper::cpu
