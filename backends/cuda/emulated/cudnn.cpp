// cuDNN of the emulated device: the reference backend's kernel of the same op.
#include <utility>
#include <vector>

#include "backends/cuda/conv_pattern.h"
#include "backends/cuda/cudnn_support.h"
#include "backends/cuda/emulated/emulated_stream.h"
#include "backends/cuda/emulated/library_kernels.h"
#include "runtime/backend/backend.h"
#include "runtime/base/error.h"

namespace temper {
namespace {

std::unique_ptr<Backend> library;

}  // namespace

void emulated::set_library_backend(std::unique_ptr<Backend> backend) {
  library = std::move(backend);
}

namespace cuda {
namespace {

class ReferencePlan final : public CudnnPlan {
 public:
  explicit ReferencePlan(const OpQuery& query)
      : kernel_(select_kernel(*library, query).kernel),
        inputs_(query.inputs.size()),
        outputs_(query.outputs.size()) {
    workspace_bytes = kernel_->workspace_bytes;
    description = "reference in place of cuDNN";
  }
  // The addresses are read now, as a library reads them.
  void run(void* const* inputs, void* const* outputs, void* workspace,
           StreamHandle stream) const override {
    stream_of(stream).queue(
        [this, in = std::vector<void*>(inputs, inputs + inputs_),
         out = std::vector<void*>(outputs, outputs + outputs_), workspace] {
          KernelArgs args;
          args.inputs = in.data();
          args.outputs = out.data();
          args.workspace = workspace;
          const auto state = kernel_->bind(args);
          args.state = state.get();
          kernel_->run(args);
        },
        true);
  }

 private:
  std::unique_ptr<Kernel> kernel_;
  std::size_t inputs_, outputs_;
};

}  // namespace

Support cudnn_supports(const OpQuery& query) {
  ConvPattern pattern;
  const Support is_product = read_pattern(query, pattern);
  if (!is_product.ok) {
    return is_product;
  }
  for (const auto& row : library->kernels().rows(query.op)) {
    if (row->supports(query).ok) {
      return Support::yes();
    }
  }
  return Support::no(concat("cuDNN has no plan for ", query.op));
}

std::unique_ptr<CudnnPlan> plan_cudnn(const OpQuery& query) {
  return std::make_unique<ReferencePlan>(query);
}

std::string cudnn_text() { return "no cuDNN"; }

}  // namespace cuda
}  // namespace temper
