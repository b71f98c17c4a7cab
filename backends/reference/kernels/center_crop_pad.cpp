// CenterCropPad: a copy of what input and output have in common.
#include <algorithm>

#include "backends/reference/index_walk.h"
#include "backends/reference/reference_backend.h"
#include "runtime/base/dtype_visit.h"

namespace temper::reference {
namespace {

std::unique_ptr<Kernel> prepare_center_crop_pad(const OpQuery& query) {
  const Shape& input = query.inputs[0].shape;
  const Shape& output = query.outputs[0].shape;
  const Shape from = row_major_strides(input), to = row_major_strides(output);
  Shape common;
  std::int64_t first_from = 0, first_to = 0;
  for (int axis = 0; axis < input.rank(); ++axis) {
    const std::int64_t surplus = input[axis] - output[axis];
    common.push_back(std::min(input[axis], output[axis]));
    first_from += std::max<std::int64_t>(surplus, 0) / 2 * from[axis];
    first_to += std::max<std::int64_t>(-surplus, 0) / 2 * to[axis];
  }
  const std::int64_t count = output.element_count();
  return visit_bits(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([=](const KernelArgs& args) {
      const T* x = static_cast<const T*>(args.inputs[0]);
      T* y = static_cast<T*>(args.outputs[0]);
      std::fill_n(y, count, T(0));
      walk_indices(common, [&](std::int64_t, const std::int64_t* index) {
        std::int64_t in = first_from, out = first_to;
        for (int axis = 0; axis < common.rank(); ++axis) {
          in += index[axis] * from[axis];
          out += index[axis] * to[axis];
        }
        y[out] = x[in];
      });
    });
  });
}

}  // namespace

void register_center_crop_pad(KernelTable& table) {
  table.add("CenterCropPad", "reference", {}, prepare_center_crop_pad);
}

}  // namespace temper::reference
