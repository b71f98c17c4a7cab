// Transpose, Expand, Slice and its gradient: copies through strides.
#include <cstring>

#include "backends/host/strided_view.h"
#include "backends/reference/index_walk.h"
#include "backends/reference/reference_backend.h"
#include "runtime/base/dtype_visit.h"

namespace temper::reference {
namespace {

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
  return copy_from(query.inputs[0].dtype,
                   transpose_view(*query.attrs, query.inputs[0].shape, query.outputs[0].shape));
}

std::unique_ptr<Kernel> prepare_expand(const OpQuery& query) {
  return copy_from(query.inputs[0].dtype,
                   expand_view(query.inputs[0].shape, query.outputs[0].shape));
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
