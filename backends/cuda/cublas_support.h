// Matrix products as Temper needs them. Two implementations: real/cublas.cpp (cuBLASLt, loaded when
// first asked for) and emulated/cublas.cpp (plain loops). No CUDA type appears here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <string>

#include "backends/cuda/device.h"
#include "runtime/base/alignment.h"
#include "runtime/base/dtype.h"
#include "runtime/base/error.h"

namespace temper::cuda {

// The last two: what the product sums over, k, is summed of one operand alone, too.
enum class Epilogue { kNone, kBias, kBiasRelu, kSumsOfA, kSumsOfB };

constexpr bool has_bias(Epilogue e) { return e == Epilogue::kBias || e == Epilogue::kBiasRelu; }
constexpr bool has_sums(Epilogue e) { return e == Epilogue::kSumsOfA || e == Epilogue::kSumsOfB; }
// For people, behind the library's name.
constexpr const char* epilogue_text(Epilogue e) {
  return has_sums(e)                ? ", bias gradient"
         : e == Epilogue::kBiasRelu ? ", bias, ReLU"
         : has_bias(e)              ? ", bias"
                                    : "";
}

// c[m, n] = alpha op(a) op(b) + beta c [+ bias[n]] [relu] [, sums[m] of op(a) or sums[n] of op(b)];
// all row-major and without gaps but for the batch strides, in elements: 0 repeats an operand.
struct MatMulProblem {
  std::int64_t m = 0, n = 0, k = 0;
  bool transpose_a = false, transpose_b = false;  // a is stored [k, m], b [n, k]
  std::int64_t batch = 1, stride_a = 0, stride_b = 0, stride_c = 0;
  float alpha = 1, beta = 0;
  Epilogue epilogue = Epilogue::kNone;
  DType dtype = DType::kFloat32;    // of a and b: f32, f16 or bf16; sums are in f32
  DType c_dtype = DType::kFloat32;  // of c, the bias and the sums: as a and b, or f32
  bool tf32 = false;                // f32 may be rounded to TF32 before it is multiplied
  // Of the addresses of a, b and c, or less where a product begins within a tensor.
  std::int64_t alignment_bytes = kBufferAlignment;

  // Addresses will also be multiples of so many elements from the first ones.
  void begin_at_multiples_of(std::int64_t elements) {
    alignment_bytes =
        std::gcd(alignment_bytes, elements * static_cast<std::int64_t>(size_of(dtype)));
  }
};

// THROWS: kInternal where no side takes the types.
inline void check_types(const MatMulProblem& problem) {
  const bool known = problem.dtype == DType::kFloat32 || problem.dtype == DType::kFloat16 ||
                     problem.dtype == DType::kBFloat16;
  TEMPER_ASSERT(known && (problem.c_dtype == problem.dtype || problem.c_dtype == DType::kFloat32),
                "a product of ", problem.dtype, " in ", problem.c_dtype);
}

class MatMulPlan {
 public:
  virtual ~MatMulPlan() = default;
  MatMulPlan() = default;
  MatMulPlan(const MatMulPlan&) = delete;
  MatMulPlan& operator=(const MatMulPlan&) = delete;

  struct Operands {
    const void *a = nullptr, *b = nullptr, *bias = nullptr;
    void *c = nullptr, *sums = nullptr;
  };
  virtual void run(const Operands& operands, void* workspace, StreamHandle stream) const = 0;

  std::size_t workspace_bytes = 0;
  std::string description;
};

// THROWS: kDevice with the library's text, kUnsupported where the library is not there.
std::unique_ptr<MatMulPlan> plan_matmul(const MatMulProblem& problem);

// Name and version, or what is missing, for `doctor`.
std::string cublas_text();

}  // namespace temper::cuda
