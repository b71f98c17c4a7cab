// The CUDA backend of a build without cuDNN's headers: convolutions are direct sums.
#include "backends/cuda/cudnn_support.h"
#include "runtime/base/error.h"

namespace temper::cuda {

Support cudnn_supports(const OpQuery&) {
  return Support::no("this build has no cuDNN (cudnn.h or cudnn_frontend.h was not found)");
}

std::unique_ptr<CudnnPlan> plan_cudnn(const OpQuery& query) {
  fail(ErrorCode::kInternal, "no plan for ", query.op);
}

std::string cudnn_text() { return "this build has no cuDNN"; }

}  // namespace temper::cuda
