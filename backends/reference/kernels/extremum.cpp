// Reference kernels of Max, Min, Clip and their gradients.
#include <limits>

#include "backends/common/functors.h"
#include "backends/reference/elementwise.h"
#include "backends/reference/variadic.h"

namespace temper::reference {
namespace {

// An attribute as T; beyond T's range it is T's largest or smallest value.
template <class T>
T saturated(double value) {
  if constexpr (std::is_floating_point_v<T>) {
    return static_cast<T>(value);
  } else {
    using Limits = std::numeric_limits<T>;
    return value >= static_cast<double>(Limits::max())      ? Limits::max()
           : value <= static_cast<double>(Limits::lowest()) ? Limits::lowest()
                                                            : static_cast<T>(value);
  }
}

// The bounds of Clip: from scalar inputs `first` and `first` + 1, else from the attributes, else
// unbounded.
template <class T>
class Bounds {
 public:
  Bounds(const OpQuery& query, std::size_t first) : first_(first) {
    using Limits = std::numeric_limits<T>;
    const bool has_infinity = Limits::has_infinity;
    const T lowest = has_infinity ? static_cast<T>(-Limits::infinity()) : Limits::lowest();
    const T highest = has_infinity ? Limits::infinity() : Limits::max();
    low_ = query.attrs->has("min") ? saturated<T>(query.attrs->get_double("min", 0)) : lowest;
    high_ = query.attrs->has("max") ? saturated<T>(query.attrs->get_double("max", 0)) : highest;
    has_low_ = has_input(query, first);
    has_high_ = query.inputs.size() > first + 1 && query.inputs[first + 1].present();
  }
  T low(const KernelArgs& args) const {
    return has_low_ ? *static_cast<const T*>(args.inputs[first_]) : low_;
  }
  T high(const KernelArgs& args) const {
    return has_high_ ? *static_cast<const T*>(args.inputs[first_ + 1]) : high_;
  }

 private:
  std::size_t first_;
  T low_;
  T high_;
  bool has_low_;
  bool has_high_;
};

template <class T>
std::unique_ptr<Kernel> clip_kernel(const OpQuery& query) {
  const Bounds<T> bounds(query, 1);
  const std::int64_t count = query.outputs[0].shape.element_count();
  auto kernel = make_kernel([=](const KernelArgs& args) {
    const T* x = static_cast<const T*>(args.inputs[0]);
    T* y = static_cast<T*>(args.outputs[0]);
    const T low = bounds.low(args);
    const T high = bounds.high(args);
    for (std::int64_t i = 0; i < count; ++i) {
      y[i] = functors::Clip{}(x[i], low, high);
    }
  });
  kernel->inplace = {{0, 0}};
  return kernel;
}

template <class T>
std::unique_ptr<Kernel> clip_grad_kernel(const OpQuery& query) {
  const Bounds<T> bounds(query, 2);
  const std::int64_t count = query.outputs[0].shape.element_count();
  auto kernel = make_kernel([=](const KernelArgs& args) {
    const T* dy = static_cast<const T*>(args.inputs[0]);
    const T* x = static_cast<const T*>(args.inputs[1]);
    T* dx = static_cast<T*>(args.outputs[0]);
    const T low = bounds.low(args);
    const T high = bounds.high(args);
    for (std::int64_t i = 0; i < count; ++i) {
      dx[i] = functors::ClipGrad{}(dy[i], x[i], low, high);
    }
  });
  kernel->inplace = {{0, 0}, {0, 1}};
  return kernel;
}

}  // namespace

void register_extremum(KernelTable& table) {
  add_number(table, "Max", []<class T>(const OpQuery& query) {
    return fold_kernel<T, T>(query, functors::Max{}, [](T x) { return x; });
  });
  add_number(table, "Min", []<class T>(const OpQuery& query) {
    return fold_kernel<T, T>(query, functors::Min{}, [](T x) { return x; });
  });
  add_float(table, "MaxGrad", []<class T>(const OpQuery& query) {
    return broadcast_kernel<T, T, T, T>(query, functors::MaxGrad{});
  });
  add_float(table, "MinGrad", []<class T>(const OpQuery& query) {
    return broadcast_kernel<T, T, T, T>(query, functors::MinGrad{});
  });
  add_number(table, "Clip", []<class T>(const OpQuery& query) { return clip_kernel<T>(query); });
  add_float(table, "ClipGrad",
            []<class T>(const OpQuery& query) { return clip_grad_kernel<T>(query); });
}

}  // namespace temper::reference
