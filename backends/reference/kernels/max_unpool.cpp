// MaxUnpool and its gradient. A place out of range is noted for whoever runs the kernel, and reads
// and writes nothing outside the tensors.
#include <algorithm>

#include "backends/reference/reference_backend.h"
#include "runtime/base/dtype_visit.h"

namespace temper::reference {
namespace {

struct PooledPlaces {
  Shape pooled;   // the tensor in which the places count
  Shape strides;  // of the output, which has it at its front
  std::int64_t count;

  PooledPlaces(const OpQuery& query, const Shape& output)
      : pooled(query.attrs->get_ints("pooled_shape")),
        strides(row_major_strides(output)),
        count(query.inputs[1].shape.element_count()) {}

  // f(position of a place, where it lies in the output or -1)
  template <class F>
  void each(const KernelArgs& args, F&& f) const {
    const std::int64_t* places = static_cast<const std::int64_t*>(args.inputs[1]);
    const std::int64_t size = pooled.element_count();
    for (std::int64_t i = 0; i < count; ++i) {
      std::int64_t place = places[i];
      if (place < 0 || place >= size) {
        args.note_index(place, 0, size);
        f(i, -1);
        continue;
      }
      std::int64_t at = 0;
      for (int axis = pooled.rank() - 1; axis >= 0; --axis) {
        at += place % pooled[axis] * strides[axis];
        place /= pooled[axis];
      }
      f(i, at);
    }
  }
};

std::unique_ptr<Kernel> prepare_max_unpool(const OpQuery& query) {
  const PooledPlaces places(query, query.outputs[0].shape);
  const std::int64_t count = query.outputs[0].shape.element_count();
  return visit_bits(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([places, count](const KernelArgs& args) {
      const T* x = static_cast<const T*>(args.inputs[0]);
      T* y = static_cast<T*>(args.outputs[0]);
      std::fill_n(y, count, T(0));
      places.each(args, [&](std::int64_t i, std::int64_t at) {
        if (at >= 0) {
          y[at] = x[i];
        }
      });
    });
  });
}

std::unique_ptr<Kernel> prepare_max_unpool_grad(const OpQuery& query) {
  const PooledPlaces places(query, query.inputs[0].shape);
  return visit_bits(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([places](const KernelArgs& args) {
      const T* dy = static_cast<const T*>(args.inputs[0]);
      T* dx = static_cast<T*>(args.outputs[0]);
      places.each(args, [&](std::int64_t i, std::int64_t at) { dx[i] = at < 0 ? T(0) : dy[at]; });
    });
  });
}

}  // namespace

void register_max_unpool(KernelTable& table) {
  table.add("MaxUnpool", "reference", {}, prepare_max_unpool);
  table.add("MaxUnpoolGrad", "reference", {}, prepare_max_unpool_grad);
}

}  // namespace temper::reference
