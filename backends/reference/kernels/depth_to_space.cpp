// DepthToSpace and SpaceToDepth: a copy through the strides of [N, C, H, b, W, b] in the channels.
#include "backends/host/strided_view.h"
#include "backends/reference/index_walk.h"
#include "backends/reference/reference_backend.h"
#include "runtime/base/dtype_visit.h"

namespace temper::reference {
namespace {

template <bool kToSpace>
std::unique_ptr<Kernel> prepare_blocks(const OpQuery& query) {
  const Shape& depth = (kToSpace ? query.inputs : query.outputs)[0].shape;
  const StridedView view = depth_view(depth, query.attrs->get_int("blocksize", 1),
                                      query.attrs->get_string("mode", "DCR") == "DCR");
  return visit_bits(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([view](const KernelArgs& args) {
      const T* x = static_cast<const T*>(args.inputs[0]);
      T* y = static_cast<T*>(args.outputs[0]);
      walk_strided(view.shape, view.strides, view.base,
                   [&](std::int64_t in_space, std::int64_t in_depth) {
                     if constexpr (kToSpace) {
                       y[in_space] = x[in_depth];
                     } else {
                       y[in_depth] = x[in_space];
                     }
                   });
    });
  });
}

}  // namespace

void register_depth_to_space(KernelTable& table) {
  table.add("DepthToSpace", "reference", {}, prepare_blocks<true>);
  table.add("SpaceToDepth", "reference", {}, prepare_blocks<false>);
}

}  // namespace temper::reference
