// TensorScatter and the part of a cache that is its update's gradient. A write index out of range
// is noted for whoever runs the kernel, and reads and writes nothing outside the tensors.
#include <algorithm>

#include "backends/reference/index_reader.h"
#include "backends/reference/reference_backend.h"
#include "backends/reference/type_support.h"
#include "runtime/base/dtype_visit.h"

namespace temper::reference {
namespace {

struct CachePlaces {
  std::int64_t outer, samples, cache, length, inner;  // dimensions before, along, behind the axis
  bool circular, has_indices;
  std::size_t input;  // that holds the write indices
  IndexReader read;

  CachePlaces(const OpQuery& query, const Shape& cached, const Shape& update, std::size_t at)
      : samples(cached[0]),
        circular(query.attrs->get_string("mode", "linear") == "circular"),
        has_indices(has_input(query, at)),
        input(at),
        read(has_indices ? query.inputs[at].dtype : DType::kInt64) {
    const int axis = static_cast<int>(query.attrs->get_int("axis", -2));
    outer = cached.count(0, axis);
    cache = cached[axis];
    length = update[axis];
    inner = cached.count(axis + 1, cached.rank());
  }

  // f(place in the cache or -1, place in the update) for runs of `inner` elements.
  template <class F>
  void each(const KernelArgs& args, F&& f) const {
    for (std::int64_t o = 0; o < outer; ++o) {
      const std::int64_t sample = o / (outer / samples);
      const std::int64_t first = has_indices ? read(args.inputs[input], sample) : 0;
      const bool fits = circular || (first >= 0 && first <= cache - length);
      if (!fits) {
        args.note_index(first, 0, cache - length + 1);
      }
      for (std::int64_t s = 0; s < length; ++s) {
        const std::int64_t row =
            circular ? ((first % cache + s) % cache + cache) % cache : first + s;
        f(fits ? (o * cache + row) * inner : -1, (o * length + s) * inner);
      }
    }
  }
};

std::unique_ptr<Kernel> prepare_tensor_scatter(const OpQuery& query) {
  const CachePlaces places(query, query.inputs[0].shape, query.inputs[1].shape, 2);
  const std::int64_t count = query.inputs[0].shape.element_count();
  return visit_bits(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    auto kernel = make_kernel([places, count](const KernelArgs& args) {
      const T* x = static_cast<const T*>(args.inputs[0]);
      const T* update = static_cast<const T*>(args.inputs[1]);
      T* y = static_cast<T*>(args.outputs[0]);
      if (x != y) {
        std::copy_n(x, count, y);
      }
      places.each(args, [&](std::int64_t to, std::int64_t from) {
        if (to >= 0) {
          std::copy_n(update + from, places.inner, y + to);
        }
      });
    });
    kernel->inplace = {{0, 0}};
    return kernel;
  });
}

std::unique_ptr<Kernel> prepare_tensor_scatter_grad(const OpQuery& query) {
  const CachePlaces places(query, query.inputs[0].shape, query.outputs[0].shape, 1);
  return visit_bits(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([places](const KernelArgs& args) {
      const T* x = static_cast<const T*>(args.inputs[0]);
      T* y = static_cast<T*>(args.outputs[0]);
      places.each(args, [&](std::int64_t from, std::int64_t to) {
        if (from >= 0) {
          std::copy_n(x + from, places.inner, y + to);
        } else {
          std::fill_n(y + to, places.inner, T(0));
        }
      });
    });
  });
}

}  // namespace

void register_tensor_scatter(KernelTable& table) {
  table.add("TensorScatter", "reference", {}, prepare_tensor_scatter);
  table.add("TensorScatterGrad", "reference", {}, prepare_tensor_scatter_grad);
}

}  // namespace temper::reference
