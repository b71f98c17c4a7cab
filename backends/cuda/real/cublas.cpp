// cuBLASLt, loaded when the first product is planned.
#include <dlfcn.h>

#include "backends/cuda/cublas_support.h"
#include "backends/cuda/real/cublas_lt.h"
#include "runtime/base/error.h"

namespace temper::cuda {
namespace {

constexpr std::size_t kWorkspaceBytes = std::size_t{32} << 20;
constexpr const char* kLibrary = "libcublasLt.so.13";

// The functions that are called, by their names in the library.
struct CublasLt {
  void* library = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  cublasLtHandle_t handle = nullptr;

  template <class F>
  void find(F& function, const char* name) const {
    function = reinterpret_cast<F>(dlsym(library, name));
    TEMPER_CHECK(function != nullptr, ErrorCode::kUnsupported, kLibrary, " has no ", name);
  }

  decltype(&cublasLtCreate) create = nullptr;
  decltype(&cublasLtGetVersion) get_version = nullptr;
  decltype(&cublasLtGetStatusString) text = nullptr;
  decltype(&cublasLtMatmulDescCreate) make_operation = nullptr;
  decltype(&cublasLtMatmulDescDestroy) drop_operation = nullptr;
  decltype(&cublasLtMatmulDescSetAttribute) set_operation = nullptr;
  decltype(&cublasLtMatrixLayoutCreate) make_layout = nullptr;
  decltype(&cublasLtMatrixLayoutDestroy) drop_layout = nullptr;
  decltype(&cublasLtMatrixLayoutSetAttribute) set_layout = nullptr;
  decltype(&cublasLtMatmulPreferenceCreate) make_preference = nullptr;
  decltype(&cublasLtMatmulPreferenceDestroy) drop_preference = nullptr;
  decltype(&cublasLtMatmulPreferenceSetAttribute) set_preference = nullptr;
  decltype(&cublasLtMatmulAlgoGetHeuristic) choose = nullptr;
  decltype(&cublasLtMatmul) multiply = nullptr;

  CublasLt() {
    TEMPER_CHECK(library != nullptr, ErrorCode::kUnsupported, "cuBLASLt is not there (", kLibrary,
                 "): install CUDA 13's libraries, or use train.device = \"cpu\"");
    find(create, "cublasLtCreate");
    find(get_version, "cublasLtGetVersion");
    find(text, "cublasLtGetStatusString");
    find(make_operation, "cublasLtMatmulDescCreate");
    find(drop_operation, "cublasLtMatmulDescDestroy");
    find(set_operation, "cublasLtMatmulDescSetAttribute");
    find(make_layout, "cublasLtMatrixLayoutCreate");
    find(drop_layout, "cublasLtMatrixLayoutDestroy");
    find(set_layout, "cublasLtMatrixLayoutSetAttribute");
    find(make_preference, "cublasLtMatmulPreferenceCreate");
    find(drop_preference, "cublasLtMatmulPreferenceDestroy");
    find(set_preference, "cublasLtMatmulPreferenceSetAttribute");
    find(choose, "cublasLtMatmulAlgoGetHeuristic");
    find(multiply, "cublasLtMatmul");
    check(create(&handle), "starting cuBLASLt");
  }

  void check(cublasStatus_t status, const char* what) const {
    TEMPER_CHECK(status == CUBLAS_STATUS_SUCCESS, ErrorCode::kDevice, what, ": ", text(status));
  }
};

const CublasLt& lt() {
  static const CublasLt kLibraryOfProcess;
  return kLibraryOfProcess;
}

// A row-major c = a b is a column-major c' = b' a': operands and sizes change places.
class CublasMatMul final : public MatMulPlan {
 public:
  explicit CublasMatMul(const MatMulProblem& p) : problem_(p) {
    const bool narrow = p.tf32 && p.dtype == DType::kFloat32;
    lt().check(
        lt().make_operation(&operation_, narrow ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F,
                            CUDA_R_32F),
        "a product");
    set(CUBLASLT_MATMUL_DESC_TRANSA, p.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N);
    set(CUBLASLT_MATMUL_DESC_TRANSB, p.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N);
    set(CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue_of(p.epilogue));
    if (p.epilogue != Epilogue::kNone) {
      set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, type_of(p.c_dtype));
    }
    a_ = layout(p.dtype, p.transpose_a ? p.k : p.m, p.transpose_a ? p.m : p.k, p.stride_a);
    b_ = layout(p.dtype, p.transpose_b ? p.n : p.k, p.transpose_b ? p.k : p.n, p.stride_b);
    c_ = layout(p.c_dtype, p.m, p.n, p.stride_c);
    choose_algorithm();
    description = concat("cuBLASLt", epilogue_text(p.epilogue), narrow ? " TF32" : "");
  }
  ~CublasMatMul() override {
    for (const cublasLtMatrixLayout_t each : {a_, b_, c_}) {
      lt().drop_layout(each);
    }
    lt().drop_operation(operation_);
  }

  void run(const Operands& given, void* workspace, StreamHandle stream) const override {
    if (problem_.epilogue != Epilogue::kNone) {
      set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, has_sums(problem_.epilogue) ? given.sums : given.bias);
    }
    lt().check(lt().multiply(lt().handle, operation_, &problem_.alpha, given.b, b_, given.a, a_,
                             &problem_.beta, given.c, c_, given.c, c_, &algorithm_, workspace,
                             workspace_bytes, static_cast<cudaStream_t>(stream.handle)),
               "a matrix product");
  }

 private:
  // The library's A is our b: what it calls a gradient of B's bias is a sum of our a.
  static cublasLtEpilogue_t epilogue_of(Epilogue epilogue) {
    switch (epilogue) {
      case Epilogue::kBias:
        return CUBLASLT_EPILOGUE_BIAS;
      case Epilogue::kBiasRelu:
        return CUBLASLT_EPILOGUE_RELU_BIAS;
      case Epilogue::kSumsOfA:
        return CUBLASLT_EPILOGUE_BGRADB;
      case Epilogue::kSumsOfB:
        return CUBLASLT_EPILOGUE_BGRADA;
      case Epilogue::kNone:
        break;
    }
    return CUBLASLT_EPILOGUE_DEFAULT;
  }

  template <class T>
  void set(cublasLtMatmulDescAttributes_t what, T value) const {
    lt().check(lt().set_operation(operation_, what, &value, sizeof value), "a product's form");
  }

  static cudaDataType_t type_of(DType dtype) {
    return dtype == DType::kFloat16    ? CUDA_R_16F
           : dtype == DType::kBFloat16 ? CUDA_R_16BF
                                       : CUDA_R_32F;
  }

  cublasLtMatrixLayout_t layout(DType dtype, std::int64_t rows, std::int64_t columns,
                                std::int64_t stride) {
    cublasLtMatrixLayout_t made = nullptr;
    lt().check(lt().make_layout(&made, type_of(dtype), static_cast<std::uint64_t>(columns),
                                static_cast<std::uint64_t>(rows), columns),
               "a matrix");
    if (problem_.batch > 1) {
      const auto batch = static_cast<std::int32_t>(problem_.batch);
      lt().check(lt().set_layout(made, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &batch, sizeof batch),
                 "a batch");
      lt().check(lt().set_layout(made, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride,
                                 sizeof stride),
                 "a batch");
    }
    return made;
  }

  void choose_algorithm() {
    cublasLtMatmulPreference_t preference = nullptr;
    lt().check(lt().make_preference(&preference), "a choice");
    const std::size_t limit = kWorkspaceBytes;
    lt().check(lt().set_preference(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &limit,
                                   sizeof limit),
               "a choice");
    // Without it, the library takes them to be multiples of 256 bytes.
    const auto alignment = static_cast<std::uint32_t>(problem_.alignment_bytes);
    for (const auto operand :
         {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
          CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
      lt().check(lt().set_preference(preference, operand, &alignment, sizeof alignment),
                 "a choice");
    }
    cublasLtMatmulHeuristicResult_t best{};
    int found = 0;
    const cublasStatus_t status =
        lt().choose(lt().handle, operation_, b_, a_, c_, c_, preference, 1, &best, &found);
    lt().drop_preference(preference);
    lt().check(status, "choosing a product's algorithm");
    TEMPER_CHECK(found > 0, ErrorCode::kUnsupported, "cuBLASLt has no algorithm for a product of ",
                 problem_.m, " x ", problem_.k, " by ", problem_.k, " x ", problem_.n, " in ",
                 problem_.dtype);
    algorithm_ = best.algo;
    workspace_bytes = best.workspaceSize;
  }

  MatMulProblem problem_;
  cublasLtMatmulDesc_t operation_ = nullptr;
  cublasLtMatrixLayout_t a_ = nullptr, b_ = nullptr, c_ = nullptr;
  cublasLtMatmulAlgo_t algorithm_{};
};

}  // namespace

std::unique_ptr<MatMulPlan> plan_matmul(const MatMulProblem& problem) {
  check_types(problem);
  return std::make_unique<CublasMatMul>(problem);
}

std::string cublas_text() {
  try {
    return concat("cuBLASLt ", lt().get_version());
  } catch (const Error& error) {
    return error.message();
  }
}

}  // namespace temper::cuda
