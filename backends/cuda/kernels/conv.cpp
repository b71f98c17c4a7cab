// Conv, its gradients and ConvTranspose: cuDNN.
#include "backends/cuda/cudnn_support.h"
#include "backends/cuda/kernel_rows.h"

namespace temper::cuda {
namespace {

class CudnnKernel final : public Kernel {
 public:
  explicit CudnnKernel(const OpQuery& query) : plan_(plan_cudnn(query)) {
    workspace_bytes = plan_->workspace_bytes;
    description = plan_->description;
  }
  void run(const KernelArgs& args) const override {
    plan_->run(args.inputs, args.outputs, args.workspace, handle_of(args.stream));
  }

 private:
  std::unique_ptr<CudnnPlan> plan_;
};

Support supports(const OpQuery& query) {
  const Support types = only_f32(query);
  return types.ok ? cudnn_supports(query) : types;
}

}  // namespace

void register_conv(KernelTable& table) {
  for (const char* op : {"Conv", "ConvTranspose", "ConvGradData", "ConvGradWeights"}) {
    add_row(table, op, supports, [](const OpQuery& query) -> std::unique_ptr<Kernel> {
      return std::make_unique<CudnnKernel>(query);
    });
  }
}

}  // namespace temper::cuda
