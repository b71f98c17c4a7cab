#include "backends/cpu/channel_sums.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "backends/cpu/channel_groups.h"

namespace temper::cpu {
namespace {

std::optional<ChannelGroups> groups_to_sum(const OpQuery& query) {
  const TensorSpec& x = query.inputs[0];
  const int rank = x.shape.rank();
  const std::vector<std::int64_t> axes = query.attrs->get_ints("axes");
  if (x.layout.plain || x.dtype != DType::kFloat32 || rank < 3 ||
      static_cast<int>(axes.size()) != rank - 1 ||
      std::find(axes.begin(), axes.end(), 1) != axes.end()) {
    return std::nullopt;
  }
  return groups_of(x.shape, x.layout);
}

}  // namespace

std::unique_ptr<Kernel> channel_sum_kernel(const OpQuery& query) {
  const auto groups = groups_to_sum(query);
  if (!groups) {
    return nullptr;
  }
  const int threads = threads_for_elements(query.threads, query.inputs[0].shape.element_count());
  auto kernel = make_kernel([groups = *groups, threads](const KernelArgs& args) {
    sum_channels(groups, threads, static_cast<const float*>(args.inputs[0]),
                 static_cast<LaneMoments*>(args.workspace), static_cast<float*>(args.outputs[0]));
  });
  kernel->workspace_bytes = static_cast<std::size_t>(sum_parts(*groups)) * sizeof(LaneMoments);
  kernel->input_layouts = {query.inputs[0].layout};
  kernel->description = "by channels";
  return kernel;
}

}  // namespace temper::cpu
