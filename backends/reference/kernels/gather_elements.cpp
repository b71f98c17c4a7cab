// GatherElements, GatherND, ScatterElements and ScatterND. An index out of range is noted for
// whoever runs the kernel, and reads and writes nothing outside the tensors: a gather gives 0 there
// (NaN for floats), a scatter drops the update. Reductions of floats run in double.
#include <algorithm>
#include <string>

#include "backends/common/functors.h"
#include "backends/host/gathered_rows.h"
#include "backends/reference/index_reader.h"
#include "backends/reference/index_walk.h"
#include "backends/reference/reference_backend.h"
#include "runtime/base/dtype_visit.h"

namespace temper::reference {
namespace {

// f(position, offset) for runs of `inner` elements: `position` in what is picked or put there,
// `offset` in the data, or -1.
struct ElementPlaces {
  Shape indices, strides;
  int axis;
  std::int64_t dim;
  IndexReader read;
  std::int64_t inner = 1;

  ElementPlaces(const OpQuery& query, const Shape& data)
      : indices(query.inputs[1].shape),
        strides(row_major_strides(data)),
        axis(static_cast<int>(query.attrs->get_int("axis", 0))),
        dim(data[axis]),
        read(query.inputs[1].dtype) {}

  template <class F>
  void each(const KernelArgs& args, F&& f) const {
    Shape others = strides;
    others[axis] = 0;
    walk_strided(indices, others, 0, [&](std::int64_t position, std::int64_t base) {
      const std::int64_t row = position_of(args, read(args.inputs[1], position), dim);
      f(position, row < 0 ? row : base + row * strides[axis]);
    });
  }
};

struct TuplePlaces {
  Shape data, strides;
  int batch_dims;
  std::int64_t batches, tuples, tuple;  // of indices per batch; indices in each
  std::int64_t batch_stride;
  IndexReader read;
  std::int64_t inner;

  TuplePlaces(const OpQuery& query, const Shape& of)
      : data(of),
        strides(row_major_strides(of)),
        batch_dims(static_cast<int>(query.attrs->get_int("batch_dims", 0))),
        batches(of.count(0, batch_dims)),
        batch_stride(of.count(batch_dims, of.rank())),
        read(query.inputs[1].dtype) {
    const Shape& indices = query.inputs[1].shape;
    const int last = indices.rank() - 1;
    tuples = indices.count(batch_dims, last);
    tuple = indices[last];
    inner = of.count(batch_dims + static_cast<int>(tuple), of.rank());
  }

  template <class F>
  void each(const KernelArgs& args, F&& f) const {
    for (std::int64_t at = 0; at < batches * tuples; ++at) {
      std::int64_t offset = at / tuples * batch_stride;
      for (int k = 0; k < static_cast<int>(tuple); ++k) {
        const int axis = batch_dims + k;
        const std::int64_t row =
            position_of(args, read(args.inputs[1], at * tuple + k), data[axis]);
        offset = offset < 0 || row < 0 ? -1 : offset + row * strides[axis];
      }
      f(at * inner, offset);
    }
  }
};

template <class Places>
std::unique_ptr<Kernel> prepare_gather(const OpQuery& query) {
  const Places places(query, query.inputs[0].shape);
  const DType dtype = query.inputs[0].dtype;
  const std::uint64_t none = bits_of_missing(dtype);
  return visit_bits(dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([places, missing = static_cast<T>(none)](const KernelArgs& args) {
      const T* x = static_cast<const T*>(args.inputs[0]);
      T* y = static_cast<T*>(args.outputs[0]);
      places.each(args, [&](std::int64_t position, std::int64_t offset) {
        if (offset < 0) {
          std::fill_n(y + position, places.inner, missing);
        } else {
          std::copy_n(x + offset, places.inner, y + position);
        }
      });
    });
  });
}

// y = x, then y[places] = u.
template <class Places>
std::unique_ptr<Kernel> put_kernel(const OpQuery& query) {
  const Places places(query, query.inputs[0].shape);
  const std::int64_t count = query.inputs[0].shape.element_count();
  return visit_bits(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    auto kernel = make_kernel([places, count](const KernelArgs& args) {
      const T* x = static_cast<const T*>(args.inputs[0]);
      const T* updates = static_cast<const T*>(args.inputs[2]);
      T* y = static_cast<T*>(args.outputs[0]);
      if (x != y) {
        std::copy_n(x, count, y);
      }
      places.each(args, [&](std::int64_t position, std::int64_t offset) {
        if (offset >= 0) {
          std::copy_n(updates + position, places.inner, y + offset);
        }
      });
    });
    kernel->inplace = {{0, 0}};
    return kernel;
  });
}

// y = x, then y[places] = fold(y[places], u) in A.
template <class T, class Places, class Fold>
std::unique_ptr<Kernel> fold_kernel_at(const OpQuery& query, Fold fold) {
  using A = std::conditional_t<std::is_floating_point_v<T>, double, T>;
  const Places places(query, query.inputs[0].shape);
  const std::int64_t count = query.inputs[0].shape.element_count();
  auto kernel = make_kernel([places, count, fold](const KernelArgs& args) {
    const T* x = static_cast<const T*>(args.inputs[0]);
    const T* updates = static_cast<const T*>(args.inputs[2]);
    A* folded = static_cast<A*>(args.workspace);
    std::copy_n(x, count, folded);
    places.each(args, [&](std::int64_t position, std::int64_t offset) {
      for (std::int64_t i = 0; offset >= 0 && i < places.inner; ++i) {
        A& value = folded[offset + i];
        value = static_cast<A>(fold(value, static_cast<A>(updates[position + i])));
      }
    });
    std::transform(folded, folded + count, static_cast<T*>(args.outputs[0]),
                   [](A value) { return static_cast<T>(value); });
  });
  kernel->workspace_bytes = static_cast<std::size_t>(count) * sizeof(A);
  return kernel;
}

// Integers modulo 2^bits.
struct WrappingAdd {
  template <class A>
  A operator()(A a, A b) const {
    if constexpr (std::is_integral_v<A>) {
      return static_cast<A>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
    } else {
      return a + b;
    }
  }
};

struct WrappingMul {
  template <class A>
  A operator()(A a, A b) const {
    if constexpr (std::is_integral_v<A>) {
      return static_cast<A>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
    } else {
      return a * b;
    }
  }
};

Support supports_scatter(const OpQuery& query) {
  const DType dtype = query.inputs[0].dtype;
  const bool computes = query.attrs->get_string("reduction", "none") != "none";
  return !computes || dtype == DType::kFloat32 || dtype == DType::kFloat64 || is_integer(dtype)
             ? Support::yes()
             : Support::no("reductions run in f32, f64 and integers");
}

template <class Places>
std::unique_ptr<Kernel> prepare_scatter(const OpQuery& query) {
  const std::string reduction = query.attrs->get_string("reduction", "none");
  if (reduction == "none") {
    return put_kernel<Places>(query);
  }
  return visit_numeric(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    if (reduction == "add") {
      return fold_kernel_at<T, Places>(query, WrappingAdd{});
    }
    if (reduction == "mul") {
      return fold_kernel_at<T, Places>(query, WrappingMul{});
    }
    return reduction == "max" ? fold_kernel_at<T, Places>(query, functors::Max{})
                              : fold_kernel_at<T, Places>(query, functors::Min{});
  });
}

}  // namespace

void register_gather_elements(KernelTable& table) {
  table.add("GatherElements", "reference", {}, prepare_gather<ElementPlaces>);
  table.add("GatherND", "reference", {}, prepare_gather<TuplePlaces>);
  table.add("ScatterElements", "reference", supports_scatter, prepare_scatter<ElementPlaces>);
  table.add("Scatter", "reference", supports_scatter, prepare_scatter<ElementPlaces>);
  table.add("ScatterND", "reference", supports_scatter, prepare_scatter<TuplePlaces>);
}

}  // namespace temper::reference
