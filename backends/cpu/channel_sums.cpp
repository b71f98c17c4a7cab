#include "backends/cpu/channel_sums.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "backends/cpu/channel_groups.h"
#include "backends/cpu/convert_loops.h"
#include "runtime/base/alignment.h"

namespace temper::cpu {
namespace {

std::optional<ChannelGroups> groups_to_sum(const OpQuery& query) {
  const TensorSpec& x = query.inputs[0];
  const int rank = x.shape.rank();
  const std::vector<std::int64_t> axes = query.attrs->get_ints("axes");
  if (x.layout.plain || (x.dtype != DType::kFloat32 && x.dtype != DType::kBFloat16) || rank < 3 ||
      query.outputs[0].dtype != x.dtype) {
    return std::nullopt;
  }
  for (int axis = 0; axis < rank; ++axis) {
    const bool summed = std::find(axes.begin(), axes.end(), axis) != axes.end();
    if (axis == 1 ? summed : !summed && x.shape[axis] != 1) {
      return std::nullopt;
    }
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
  const std::size_t parts_bytes =
      aligned_bytes(static_cast<std::size_t>(sum_parts(*groups)) * sizeof(LaneMoments));
  const bool narrows = query.outputs[0].dtype == DType::kBFloat16;
  auto kernel = make_kernel([groups = *groups, threads, narrows, parts_bytes](const auto& args) {
    auto* parts = static_cast<LaneMoments*>(args.workspace);
    if (!narrows) {
      sum_channels(groups, threads, static_cast<const float*>(args.inputs[0]), parts,
                   static_cast<float*>(args.outputs[0]));
      return;
    }
    auto* sums = reinterpret_cast<float*>(static_cast<std::byte*>(args.workspace) + parts_bytes);
    sum_channels(groups, threads, static_cast<const BFloat16*>(args.inputs[0]), parts, sums);
    narrow(DType::kBFloat16, sums, args.outputs[0], groups.channels);
  });
  kernel->workspace_bytes =
      parts_bytes +
      (narrows ? static_cast<std::size_t>(groups->channels) * sizeof(float) : std::size_t{0});
  kernel->input_layouts = {query.inputs[0].layout};
  kernel->description = "by channels";
  return kernel;
}

}  // namespace temper::cpu
