// The CUDA backend of a build without cuDNN's headers: convolutions are direct sums.
#include "backends/cuda/cudnn_support.h"
#include "runtime/base/error.h"

namespace temper::cuda {

Support cudnn_supports(const OpQuery&) { return Support::no(cudnn_missing()); }

std::string cudnn_missing() {
  return "this build has no cuDNN (cudnn.h or cudnn_frontend.h was not found: "
         "-DTEMPER_CUDNN=DIR, -DTEMPER_CUDNN_FRONTEND=DIR)";
}

std::unique_ptr<CudnnPlan> plan_cudnn(const OpQuery& query) {
  fail(ErrorCode::kInternal, "no plan for ", query.op);
}

std::string cudnn_text() { return "this build has no cuDNN"; }

}  // namespace temper::cuda
