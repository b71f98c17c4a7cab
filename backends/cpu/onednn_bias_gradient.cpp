#include "backends/cpu/onednn_bias_gradient.h"

#include <utility>

namespace temper::cpu {

std::optional<ChannelGroups> bias_groups(const Shape& dy, DType type, const Layout& layout) {
  if (type != DType::kFloat32 || dy.element_count() / dy[1] <= kManyValues) {
    return std::nullopt;
  }
  return groups_of(dy, layout);
}

WeightsGradKernel::WeightsGradKernel(int thread_count, std::optional<ChannelGroups> bias)
    : OneDnnKernel(thread_count), bias_(std::move(bias)) {
  if (bias_) {
    bias_threads_ = threads_for_elements(thread_count, bias_->values() * bias_->channels);
    parts_ = reserve(static_cast<std::size_t>(sum_parts(*bias_)) * sizeof(LaneMoments));
  }
}

void WeightsGradKernel::run(const KernelArgs& args) const {
  OneDnnKernel::run(args);
  if (bias_) {
    sum_channels(*bias_, bias_threads_, static_cast<const float*>(args.inputs[1]),
                 static_cast<LaneMoments*>(parts_.address(args)),
                 static_cast<float*>(args.outputs[1]));
  }
}

}  // namespace temper::cpu
