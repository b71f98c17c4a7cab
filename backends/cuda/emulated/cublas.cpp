// Matrix products of the emulated device: plain loops.
#include <algorithm>
#include <bit>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "backends/cuda/cublas_support.h"
#include "backends/cuda/emulated/emulated_stream.h"
#include "runtime/base/dtype_visit.h"
#include "runtime/base/error.h"

namespace temper::cuda {
namespace {

double widened(auto x) { return static_cast<double>(static_cast<float>(x)); }

// To the 10 bits of mantissa that TF32 has, ties away from zero, as a tensor core is given it.
double to_tf32(float x) {
  constexpr std::uint32_t kDropped = 13, kExponent = 0x7f800000u;
  const auto bits = std::bit_cast<std::uint32_t>(x);
  if ((bits & kExponent) == kExponent) {
    return static_cast<double>(x);
  }
  const std::uint32_t rounded = (bits + (1u << (kDropped - 1))) >> kDropped << kDropped;
  return static_cast<double>(std::bit_cast<float>(rounded));
}

// An operand's element as the product takes it.
template <class T>
double factor(const MatMulProblem& p, T x) {
  if constexpr (std::is_same_v<T, float>) {
    return p.tf32 ? to_tf32(x) : static_cast<double>(x);
  } else {
    return widened(x);
  }
}

// The sum over k of each row of op(a), or each column of op(b).
template <class T, class C>
void sum_up(const MatMulProblem& p, const T* a, const T* b, C* sums) {
  const bool of_a = p.epilogue == Epilogue::kSumsOfA;
  const bool apart = of_a ? p.transpose_a : !p.transpose_b;  // those that are summed
  const std::int64_t count = of_a ? p.m : p.n;
  for (std::int64_t i = 0; i < count; ++i) {
    double sum = 0;
    for (std::int64_t k = 0; k < p.k; ++k) {
      sum += widened((of_a ? a : b)[apart ? k * count + i : i * p.k + k]);
    }
    sums[i] = C(static_cast<float>(sum));
  }
}

// Row by row, so that the innermost loop walks along b, as [k, n] in double, and the sums.
template <class T, class C>
void multiply(const MatMulProblem& p, const T* a, const T* b, const C* bias, C* c) {
  std::vector<double> right(static_cast<std::size_t>(p.k * p.n));
  for (std::int64_t k = 0; k < p.k; ++k) {
    for (std::int64_t j = 0; j < p.n; ++j) {
      right[static_cast<std::size_t>(k * p.n + j)] =
          factor(p, p.transpose_b ? b[j * p.k + k] : b[k * p.n + j]);
    }
  }
  std::vector<double> sums(static_cast<std::size_t>(p.n));
  for (std::int64_t i = 0; i < p.m; ++i) {
    std::fill(sums.begin(), sums.end(), 0.0);
    double* const sum = sums.data();
    for (std::int64_t k = 0; k < p.k; ++k) {
      const double left = factor(p, p.transpose_a ? a[k * p.m + i] : a[i * p.k + k]);
      const double* row = right.data() + k * p.n;
      for (std::int64_t j = 0; j < p.n; ++j) {
        sum[j] += left * row[j];
      }
    }
    for (std::int64_t j = 0; j < p.n; ++j) {
      double value = static_cast<double>(p.alpha) * sum[j];
      if (p.beta != 0) {
        value += static_cast<double>(p.beta) * widened(c[i * p.n + j]);
      }
      if (has_bias(p.epilogue)) {
        value += widened(bias[j]);
      }
      const bool is_cut = p.epilogue == Epilogue::kBiasRelu && value < 0;
      c[i * p.n + j] = C(is_cut ? 0.0f : static_cast<float>(value));
    }
  }
}

class LoopMatMul final : public MatMulPlan {
 public:
  explicit LoopMatMul(const MatMulProblem& problem) : problem_(problem) {
    description = concat("loops in place of cuBLASLt", epilogue_text(problem.epilogue),
                         problem.tf32 && problem.dtype == DType::kFloat32 ? " TF32" : "");
  }
  void run(const Operands& operands, void*, StreamHandle stream) const override {
    for (const void* address : {operands.a, operands.b, static_cast<const void*>(operands.c)}) {
      const auto place = reinterpret_cast<std::uintptr_t>(address);
      TEMPER_ASSERT(place % static_cast<std::uintptr_t>(problem_.alignment_bytes) == 0,
                    "a matrix lies at ", place, ", not at a multiple of ", problem_.alignment_bytes,
                    " bytes");
    }
    visit_any_float(problem_.dtype, [&]<class T>() {
      if (problem_.c_dtype == problem_.dtype) {
        queue_batch<T, T>(operands, stream);
      } else {
        queue_batch<T, float>(operands, stream);
      }
    });
  }

 private:
  template <class T, class C>
  void queue_batch(const Operands& operands, StreamHandle stream) const {
    stream_of(stream).queue(
        [p = problem_, a = static_cast<const T*>(operands.a), b = static_cast<const T*>(operands.b),
         bias = static_cast<const C*>(operands.bias), c = static_cast<C*>(operands.c),
         sums = static_cast<C*>(operands.sums)] {
          if (has_sums(p.epilogue)) {
            sum_up(p, a, b, sums);
          }
          for (std::int64_t i = 0; i < p.batch; ++i) {
            multiply(p, a + i * p.stride_a, b + i * p.stride_b, bias, c + i * p.stride_c);
          }
        },
        true, true);
  }

  MatMulProblem problem_;
};

}  // namespace

std::unique_ptr<MatMulPlan> plan_matmul(const MatMulProblem& problem) {
  check_types(problem);
  return std::make_unique<LoopMatMul>(problem);
}

std::string cublas_text() { return "no cuBLASLt"; }

}  // namespace temper::cuda
