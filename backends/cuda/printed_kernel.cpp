#include "backends/cuda/printed_kernel.h"

#include <array>
#include <bit>
#include <limits>
#include <string_view>
#include <type_traits>

#include "backends/common/visit_functor.h"
#include "runtime/base/concat.h"
#include "runtime/base/error.h"

namespace temper::cuda {
namespace {

// By its bits, so that it is the same number.
std::string number_text(float x) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const auto bits = std::bit_cast<std::uint32_t>(x);
  std::string digits;
  for (int shift = 28; shift >= 0; shift -= 4) {
    digits += kDigits[bits >> shift & 15u];
  }
  return concat("number(0x", digits, "u)");
}

// As the compiler writes it: "temper::functors::LeakyRelu<float>".
template <class F>
std::string type_text() {
  const std::string_view function = __PRETTY_FUNCTION__;
  const std::size_t begin = function.find("F = ") + 4;
  return std::string(function.substr(begin, function.find_first_of(";]", begin) - begin));
}

// The function object with its parameters, all of which are of the type it computes in: what the
// interpreter's visitor hands out is what is printed, so there is one table of functors.
template <class F>
std::string functor_text(const F& functor) {
  std::string text = type_text<F>();
  if constexpr (std::is_empty_v<F>) {
    return text + "{}";
  } else {
    const auto parameters = std::bit_cast<std::array<float, sizeof(F) / sizeof(float)>>(functor);
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      text += concat(i == 0 ? "{" : ", ", number_text(parameters[i]));
    }
    return text + "}";
  }
}

// As the interpreter's apply().
std::string step_text(const DeviceExpression::Step& step) {
  const FunctorCall call{step.functor, step.p, step.q};
  const int operands = operand_count(step.functor);
  std::string text;
  const auto print = [&](const auto& functor) { text = functor_text(functor); };
  const bool printed =
      operands == 0   ? (text = number_text(step.p), true)
      : operands == 1 ? functors::visit_unary<float, functors::StdMath>(call, print)
      : operands == 2 ? functors::visit_binary<float, functors::StdMath>(call, print)
                      : functors::visit_ternary(call, print);
  TEMPER_ASSERT(printed, "functor ", static_cast<int>(step.functor), " has no arithmetic");
  if (operands == 0) {
    return text;
  }
  for (int i = 0; i < operands; ++i) {
    text += concat(i == 0 ? "(" : ", ", "v", step.operands[i]);
  }
  return concat("static_cast<float>(", text, "))");
}

std::string_view stored_type(DType dtype) {
  switch (dtype) {
    case DType::kBool:
      return "bool";
    case DType::kFloat16:
      return "temper::cuda::Float16Bits";
    case DType::kBFloat16:
      return "temper::cuda::BFloat16Bits";
    default:
      return "float";
  }
}

using ExpressionPlaces = decltype(DeviceExpression::places);

bool has_outputs_order(const ExpressionPlaces& places, int n) {
  std::int64_t step = 1;
  for (int axis = places.rank - 1; axis >= 0; --axis) {
    if (places.steps[n][axis] != step) {
      return false;
    }
    step *= places.sizes[axis];
  }
  return true;
}

// Whether the numbers of all elements fit in 32 bits, also that of the last block's last thread.
bool is_small(const DeviceExpression& e) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
  bool small = e.places.count < kMost;
  for (int n = 0; n < e.inputs; ++n) {
    std::int64_t last = 0;
    for (int axis = 0; axis < e.places.rank; ++axis) {
      last += (e.places.sizes[axis] - 1) * e.places.steps[n][axis];
    }
    small = small && last < kMost;
  }
  return small;
}

// Elements of one thread, side by side along the innermost axis: with 4 a place is found once for
// all, and memory is read in words of four elements.
constexpr int kWide = 4;
constexpr int kMostWideInputs = 12;  // four elements of each are in registers

// The place of the thread's first element in input n: a sum of steps along the axes.
std::string place_text(const DeviceExpression& e, int n) {
  std::string text;
  for (int axis = 0; axis < e.places.rank; ++axis) {
    if (const std::int64_t step = e.places.steps[n][axis]; step != 0) {
      text += concat(text.empty() ? "" : " + ", "i", axis, " * ", step);
    }
  }
  return text.empty() ? "0" : text;
}

// "i0", "i1", .. from i, where an input asks for them.
std::string axes_text(const DeviceExpression& e) {
  bool asked = false;
  for (int n = 0; n < e.inputs && !e.flat; ++n) {
    asked = asked || !has_outputs_order(e.places, n);
  }
  std::string text;
  if (asked) {
    text += "  Index rest = i;\n";
    for (int axis = e.places.rank - 1; axis > 0; --axis) {
      text += concat("  const Index i", axis, " = rest % ", e.places.sizes[axis],
                     ";\n  rest /= ", e.places.sizes[axis], ";\n");
    }
    text += "  const Index i0 = rest;\n";
  }
  return text;
}

// Into x0[], x1[], ..
std::string read_text(const DeviceExpression& e, int n) {
  const std::string array = concat("x", n);
  const std::string call = concat("<", stored_type(e.input_types[n]), ">(", array, ", a.x[", n);
  std::string text = concat("  float ", array, "[kWidth] = {};\n  ");
  if (e.flat || has_outputs_order(e.places, n)) {
    return concat(text, "take", call, "], i, n);\n");
  }
  const std::int64_t step = e.places.rank == 0 ? 0 : e.places.steps[n][e.places.rank - 1];
  return step == 1 ? concat(text, "take", call, "], ", place_text(e, n), ", n);\n")
                   : concat(text, "take_apart", call, "], ", place_text(e, n), ", ", step, ");\n");
}

}  // namespace

int printed_width(const DeviceExpression& e) {
  const int rank = e.places.rank;
  const bool in_fours = e.flat || (rank > 0 && e.places.sizes[rank - 1] % kWide == 0);
  return in_fours && e.inputs <= kMostWideInputs ? kWide : 1;
}

std::string printed_prologue() {
  return concat(R"(#include "backends/common/activations.h"
#include "backends/common/rounding.h"
#include "backends/cuda/device/stored_floats.cuh"

struct Arguments {
  long long count;
  const void* x[)",
                kMostExpressionInputs, "];\n  void* y[", kMostExpressionOutputs, R"(];
};

__device__ __forceinline__ float number(unsigned bits) { return std::bit_cast<float>(bits); }

template <class T, int W>
struct alignas(W * sizeof(T)) Word {
  T at[W];

  __device__ static bool has(const T* place, int n) {
    return W > 1 && n == W && reinterpret_cast<unsigned long long>(place) % sizeof(Word) == 0;
  }
};

// n elements from `at` on.
template <class T, int W>
__device__ __forceinline__ void take(float (&to)[W], const void* x, long long at, int n) {
  const T* from = static_cast<const T*>(x) + at;
  if (Word<T, W>::has(from, n)) {
    const Word<T, W> word = *reinterpret_cast<const Word<T, W>*>(from);
    for (int k = 0; k < W; ++k) {
      to[k] = static_cast<float>(word.at[k]);
    }
    return;
  }
  for (int k = 0; k < W; ++k) {
    if (k < n) {
      to[k] = static_cast<float>(from[k]);
    }
  }
}

// W elements, `step` apart; 0: one for all.
template <class T, int W>
__device__ __forceinline__ void take_apart(float (&to)[W], const void* x, long long at,
                                           long long step) {
  for (int k = 0; k < W; ++k) {
    to[k] = static_cast<float>(static_cast<const T*>(x)[at + k * step]);
  }
}

__device__ __forceinline__ void put(bool& to, float value) { to = value != 0.0f; }
template <class T>
__device__ __forceinline__ void put(T& to, float value) {
  to = value;
}

template <class T, int W>
__device__ __forceinline__ void give(const float (&values)[W], void* y, long long at, int n) {
  T* to = static_cast<T*>(y) + at;
  if (Word<T, W>::has(to, n)) {
    Word<T, W> word;
    for (int k = 0; k < W; ++k) {
      put(word.at[k], values[k]);
    }
    *reinterpret_cast<Word<T, W>*>(to) = word;
    return;
  }
  for (int k = 0; k < W; ++k) {
    if (k < n) {
      put(to[k], values[k]);
    }
  }
}
)");
}

std::string printed_kernel(const DeviceExpression& e, const std::string& name) {
  const int width = printed_width(e);
  std::string text = concat(
      "\nextern \"C\" __global__ void __launch_bounds__(256) ", name,
      "(const Arguments a) {\n  constexpr int kWidth = ", width,
      ";\n  using Index = ", !e.flat && is_small(e) ? "unsigned" : "long long",
      ";\n  const Index i = (static_cast<Index>(blockIdx.x) * blockDim.x + threadIdx.x) * kWidth;\n"
      "  if (i >= ",
      e.flat ? std::string("a.count") : concat(e.places.count), ") {\n    return;\n  }\n");
  text += e.flat
              ? "  const int n = a.count - i < kWidth ? static_cast<int>(a.count - i) : kWidth;\n"
              : "  constexpr int n = kWidth;\n";
  text += axes_text(e);
  for (int n = 0; n < e.inputs; ++n) {
    text += read_text(e, n);
  }
  for (int n = 0; n < e.outputs; ++n) {
    text += concat("  float y", n, "[kWidth];\n");
  }
  text += "#pragma unroll\n  for (int k = 0; k < kWidth; ++k) {\n";
  for (int n = 0; n < e.inputs; ++n) {
    text += concat("    const float v", n, " = x", n, "[k];\n");
  }
  for (int n = 0; n < e.steps; ++n) {
    text += concat("    const float v", e.inputs + n, " = ", step_text(e.code[n]), ";\n");
  }
  for (int n = 0; n < e.outputs; ++n) {
    text += concat("    y", n, "[k] = v", e.results[n], ";\n");
  }
  text += "  }\n";
  for (int n = 0; n < e.outputs; ++n) {
    text += concat("  give<", stored_type(e.output_types[n]), ">(y", n, ", a.y[", n, "], i, n);\n");
  }
  return text + "}\n";
}

}  // namespace temper::cuda
