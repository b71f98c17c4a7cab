// cuDNN is not called yet: every query is refused, so that a model with convolutions is refused
// with the reason.
#include "backends/cuda/cudnn_support.h"
#include "runtime/base/error.h"

namespace temper::cuda {

Support cudnn_supports(const OpQuery& query) {
  return Support::no(concat("cuDNN's ", query.op, " is not called yet"));
}

std::unique_ptr<CudnnPlan> plan_cudnn(const OpQuery& query) {
  fail(ErrorCode::kInternal, "no plan for ", query.op);
}

std::string cudnn_text() { return "cuDNN not used"; }

}  // namespace temper::cuda
