// Compares cublas_lt.h with NVIDIA's header: compiled where that one is installed, and empty at run
// time.
#include <cublasLt.h>
#include <cuda_runtime_api.h>
#include <library_types.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace temper::cuda::ours {
#include "backends/cuda/real/cublas_lt.h"
}

namespace temper::cuda {
namespace {

// Two types are passed alike: the same size, both pointers or neither.
template <class A, class B>
constexpr bool kAlike = sizeof(A) == sizeof(B) && std::is_pointer_v<A> == std::is_pointer_v<B>;

template <class... A, class... B, class R, class S>
constexpr bool same_form(R (*)(A...), S (*)(B...)) {
  if constexpr (sizeof...(A) == sizeof...(B)) {
    return kAlike<R, S> && (kAlike<A, B> && ...);
  }
  return false;
}

static_assert(int{ours::CUBLAS_STATUS_SUCCESS} == int{::CUBLAS_STATUS_SUCCESS});
static_assert(int{ours::CUBLAS_OP_N} == int{::CUBLAS_OP_N});
static_assert(int{ours::CUBLAS_OP_T} == int{::CUBLAS_OP_T});
static_assert(int{ours::CUBLAS_COMPUTE_32F} == int{::CUBLAS_COMPUTE_32F});
static_assert(int{ours::CUBLAS_COMPUTE_32F_FAST_TF32} == int{::CUBLAS_COMPUTE_32F_FAST_TF32});
static_assert(int{ours::CUBLASLT_MATMUL_DESC_TRANSA} == int{::CUBLASLT_MATMUL_DESC_TRANSA});
static_assert(int{ours::CUBLASLT_MATMUL_DESC_TRANSB} == int{::CUBLASLT_MATMUL_DESC_TRANSB});
static_assert(int{ours::CUBLASLT_MATMUL_DESC_EPILOGUE} == int{::CUBLASLT_MATMUL_DESC_EPILOGUE});
static_assert(int{ours::CUBLASLT_MATMUL_DESC_BIAS_POINTER} ==
              int{::CUBLASLT_MATMUL_DESC_BIAS_POINTER});
static_assert(int{ours::CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE} ==
              int{::CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE});
static_assert(int{ours::CUBLASLT_EPILOGUE_DEFAULT} == int{::CUBLASLT_EPILOGUE_DEFAULT});
static_assert(int{ours::CUBLASLT_EPILOGUE_BIAS} == int{::CUBLASLT_EPILOGUE_BIAS});
static_assert(int{ours::CUBLASLT_EPILOGUE_RELU_BIAS} == int{::CUBLASLT_EPILOGUE_RELU_BIAS});
static_assert(int{ours::CUBLASLT_EPILOGUE_BGRADA} == int{::CUBLASLT_EPILOGUE_BGRADA});
static_assert(int{ours::CUBLASLT_EPILOGUE_BGRADB} == int{::CUBLASLT_EPILOGUE_BGRADB});
static_assert(int{ours::CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT} ==
              int{::CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT});
static_assert(int{ours::CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET} ==
              int{::CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET});
static_assert(int{ours::CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES} ==
              int{::CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES});
static_assert(int{ours::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES} ==
              int{::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES});
static_assert(int{ours::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES} ==
              int{::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES});
static_assert(int{ours::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES} ==
              int{::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES});
static_assert(int{ours::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES} ==
              int{::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES});

using Result = ::cublasLtMatmulHeuristicResult_t;
using OurResult = ours::cublasLtMatmulHeuristicResult_t;
static_assert(sizeof(OurResult) == sizeof(Result));
static_assert(offsetof(OurResult, algo) == offsetof(Result, algo));
static_assert(offsetof(OurResult, workspaceSize) == offsetof(Result, workspaceSize));
static_assert(offsetof(OurResult, state) == offsetof(Result, state));
static_assert(offsetof(OurResult, wavesCount) == offsetof(Result, wavesCount));

static_assert(same_form(&ours::cublasLtCreate, &::cublasLtCreate));
static_assert(same_form(&ours::cublasLtGetVersion, &::cublasLtGetVersion));
static_assert(same_form(&ours::cublasLtGetStatusString, &::cublasLtGetStatusString));
static_assert(same_form(&ours::cublasLtMatmulDescCreate, &::cublasLtMatmulDescCreate));
static_assert(same_form(&ours::cublasLtMatmulDescDestroy, &::cublasLtMatmulDescDestroy));
static_assert(same_form(&ours::cublasLtMatmulDescSetAttribute, &::cublasLtMatmulDescSetAttribute));
static_assert(same_form(&ours::cublasLtMatrixLayoutCreate, &::cublasLtMatrixLayoutCreate));
static_assert(same_form(&ours::cublasLtMatrixLayoutDestroy, &::cublasLtMatrixLayoutDestroy));
static_assert(same_form(&ours::cublasLtMatrixLayoutSetAttribute,
                        &::cublasLtMatrixLayoutSetAttribute));
static_assert(same_form(&ours::cublasLtMatmulPreferenceCreate, &::cublasLtMatmulPreferenceCreate));
static_assert(same_form(&ours::cublasLtMatmulPreferenceDestroy,
                        &::cublasLtMatmulPreferenceDestroy));
static_assert(same_form(&ours::cublasLtMatmulPreferenceSetAttribute,
                        &::cublasLtMatmulPreferenceSetAttribute));
static_assert(same_form(&ours::cublasLtMatmulAlgoGetHeuristic, &::cublasLtMatmulAlgoGetHeuristic));
static_assert(same_form(&ours::cublasLtMatmul, &::cublasLtMatmul));

}  // namespace
}  // namespace temper::cuda
