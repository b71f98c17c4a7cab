// The gradient of a bias, the sum of dy per channel, in double: what a library's float sums in the
// kernel of the weights' gradient lose grows with the values of a channel.
#pragma once

#include <optional>

#include "backends/cpu/channel_groups.h"
#include "backends/cpu/onednn_kernel.h"

namespace temper::cpu {

// Up to here the library's sums are as good as a sum in pieces, and cost no pass over dy.
inline constexpr std::int64_t kManyValues = 65536;

// The groups to sum dy by; none where the library may do it, or dy's type or layout is another.
std::optional<ChannelGroups> bias_groups(const Shape& dy, DType type, const Layout& layout);

// The library's kernel of the weights' gradient, and the bias of its own where there are groups.
class WeightsGradKernel final : public OneDnnKernel {
 public:
  WeightsGradKernel(int thread_count, std::optional<ChannelGroups> bias);

  void run(const KernelArgs& args) const override;  // input 1 is dy, output 1 the bias's gradient

 private:
  std::optional<ChannelGroups> bias_;
  int bias_threads_ = 1;
  Place parts_;
};

}  // namespace temper::cpu
