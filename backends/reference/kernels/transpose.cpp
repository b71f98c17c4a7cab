// Transpose, Expand, Slice and its gradient: copies through strides.
#include <cstring>

#include "backends/reference/index_walk.h"
#include "backends/reference/reference_backend.h"
#include "runtime/base/dtype_visit.h"

namespace temper::reference {
namespace {

struct StridedView {
  Shape shape;            // of the view
  Shape strides;          // in elements of the viewed tensor
  std::int64_t base = 0;  // element of the viewed tensor that index 0 names
};

// y = the view of x
std::unique_ptr<Kernel> copy_from(DType dtype, const StridedView& view) {
  return visit_bits(dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([view](const KernelArgs& args) {
      const T* x = static_cast<const T*>(args.inputs[0]);
      T* y = static_cast<T*>(args.outputs[0]);
      walk_strided(view.shape, view.strides, view.base,
                   [&](std::int64_t to, std::int64_t from) { y[to] = x[from]; });
    });
  });
}

std::unique_ptr<Kernel> prepare_transpose(const OpQuery& query) {
  const Shape from = row_major_strides(query.inputs[0].shape);
  StridedView view;
  view.shape = query.outputs[0].shape;
  for (const std::int64_t axis : query.attrs->get_ints("perm")) {
    view.strides.push_back(from[static_cast<int>(axis)]);
  }
  return copy_from(query.inputs[0].dtype, view);
}

std::unique_ptr<Kernel> prepare_expand(const OpQuery& query) {
  const Shape& input = query.inputs[0].shape;
  const Shape from = row_major_strides(input);
  StridedView view;
  view.shape = query.outputs[0].shape;
  const int lead = view.shape.rank() - input.rank();
  for (int axis = 0; axis < view.shape.rank(); ++axis) {
    view.strides.push_back(axis < lead || input[axis - lead] == 1 ? 0 : from[axis - lead]);
  }
  return copy_from(query.inputs[0].dtype, view);
}

// The slice the attributes name, of the shape `part`, seen in a tensor of the shape `whole`.
StridedView slice_view(const Attrs& attrs, const Shape& whole, const Shape& part) {
  const std::vector<std::int64_t> starts = attrs.get_ints("starts");
  const std::vector<std::int64_t> axes = attrs.get_ints("axes");
  const std::vector<std::int64_t> steps = attrs.get_ints("steps");
  StridedView view{part, row_major_strides(whole), 0};
  for (std::size_t i = 0; i < axes.size(); ++i) {
    std::int64_t& stride = view.strides[static_cast<int>(axes[i])];
    view.base += starts[i] * stride;
    stride *= steps[i];
  }
  return view;
}

std::unique_ptr<Kernel> prepare_slice(const OpQuery& query) {
  return copy_from(query.inputs[0].dtype,
                   slice_view(*query.attrs, query.inputs[0].shape, query.outputs[0].shape));
}

std::unique_ptr<Kernel> prepare_slice_grad(const OpQuery& query) {
  const StridedView view = slice_view(*query.attrs, query.outputs[0].shape, query.inputs[0].shape);
  const auto bytes = static_cast<std::size_t>(query.outputs[0].shape.element_count()) *
                     size_of(query.outputs[0].dtype);
  return visit_bits(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([view, bytes](const KernelArgs& args) {
      const T* dy = static_cast<const T*>(args.inputs[0]);
      T* dx = static_cast<T*>(args.outputs[0]);
      if (bytes != 0) {
        std::memset(args.outputs[0], 0, bytes);
      }
      walk_strided(view.shape, view.strides, view.base,
                   [&](std::int64_t from, std::int64_t to) { dx[to] = dy[from]; });
    });
  });
}

}  // namespace

void register_transpose(KernelTable& table) {
  table.add("Transpose", "reference", {}, prepare_transpose);
  table.add("Expand", "reference", {}, prepare_expand);
  table.add("Slice", "reference", {}, prepare_slice);
  table.add("SliceGrad", "reference", {}, prepare_slice_grad);
}

}  // namespace temper::reference
