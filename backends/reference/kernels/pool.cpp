// Max and average pooling over windows, their gradients, and pooling over all of space.
#include <algorithm>
#include <cmath>
#include <limits>

#include "backends/reference/element_order.h"
#include "backends/reference/type_support.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/dtype_visit.h"
#include "runtime/base/window.h"

namespace temper::reference {
namespace {

struct PoolPlan {
  Window window;
  Spatial in{}, out{};
  std::int64_t planes = 0;  // N * C
  bool count_padding = false;
  bool column_major = false;

  std::int64_t in_plane() const { return in[0] * in[1] * in[2]; }
  std::int64_t out_plane() const { return out[0] * out[1] * out[2]; }
};

PoolPlan plan_pool(const Attrs& attrs, const Shape& x, const Shape& y) {
  PoolPlan plan;
  plan.window = read_window(attrs);
  plan.in = spatial_dims(x);
  plan.out = spatial_dims(y);
  plan.planes = x[0] * x[1];
  plan.count_padding = attrs.get_int("count_include_pad", 0) != 0;
  plan.column_major = attrs.get_int("storage_order", 0) != 0;
  return plan;
}

struct WindowAt {
  Spatial start{};
  std::array<Taps, kMaxSpatialRank> taps;
};

WindowAt window_at(const PoolPlan& p, std::int64_t position) {
  WindowAt at;
  for (std::size_t i = kMaxSpatialRank; i-- > 0;) {
    at.start[i] = position % p.out[i] * p.window.stride[i] - p.window.pad_begin[i];
    position /= p.out[i];
    at.taps[i] = taps_inside(at.start[i], p.window.dilation[i], p.window.kernel[i], p.in[i]);
  }
  return at;
}

// Calls f(input offset) for the window's elements inside the input, in row-major order.
template <class F>
void for_each_element(const PoolPlan& p, const WindowAt& at, F f) {
  const Spatial& d = p.window.dilation;
  for (std::int64_t a = at.taps[0].begin; a < at.taps[0].end; ++a) {
    const std::int64_t depth = (at.start[0] + a * d[0]) * p.in[1];
    for (std::int64_t b = at.taps[1].begin; b < at.taps[1].end; ++b) {
      const std::int64_t row = (depth + at.start[1] + b * d[1]) * p.in[2];
      for (std::int64_t c = at.taps[2].begin; c < at.taps[2].end; ++c) {
        f(row + at.start[2] + c * d[2]);
      }
    }
  }
}

// What an average divides by: elements inside the input, or inside the padded input; places that
// hang over the padded end (ceil_mode) do not count. At least 1: a dilated window may step over a
// short input, and its average is 0, as in ONNX Runtime.
std::int64_t divisor(const PoolPlan& p, const WindowAt& at) {
  std::int64_t count = 1;
  for (std::size_t i = 0; i < kMaxSpatialRank; ++i) {
    if (p.count_padding) {
      const std::int64_t padded = p.in[i] + p.window.pad_begin[i] + p.window.pad_end[i];
      const Taps taps = taps_inside(at.start[i] + p.window.pad_begin[i], p.window.dilation[i],
                                    p.window.kernel[i], padded);
      count *= taps.end - taps.begin;
    } else {
      count *= at.taps[i].end - at.taps[i].begin;
    }
  }
  return std::max<std::int64_t>(count, 1);
}

// ONNX's index of an input element, the spatial part in column-major order if asked.
std::int64_t onnx_index(const PoolPlan& p, std::int64_t plane, std::int64_t offset) {
  if (p.column_major) {
    const std::int64_t c = offset % p.in[2];
    const std::int64_t b = offset / p.in[2] % p.in[1];
    const std::int64_t a = offset / p.in[2] / p.in[1];
    offset = (c * p.in[1] + b) * p.in[0] + a;
  }
  return plane * p.in_plane() + offset;
}

// The first maximum of each window; a NaN counts as larger than anything. `saved`: its offset in
// the plane, or -1.
template <class T>
void run_max_pool(const PoolPlan& p, const T* x, T* y, std::int64_t* indices, std::int64_t* saved) {
  using Limits = std::numeric_limits<T>;
  for (std::int64_t plane = 0; plane < p.planes; ++plane) {
    const T* from = x + plane * p.in_plane();
    for (std::int64_t o = 0; o < p.out_plane(); ++o) {
      std::int64_t best = -1;
      for_each_element(p, window_at(p, o), [&](std::int64_t i) {
        if (best < 0 || from[i] > from[best] || (is_nan(from[i]) && !is_nan(from[best]))) {
          best = i;
        }
      });
      const std::int64_t at = plane * p.out_plane() + o;
      if (y != nullptr) {
        const T nothing = Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
        y[at] = best < 0 ? nothing : from[best];
      }
      if (indices != nullptr) {
        indices[at] = onnx_index(p, plane, std::max<std::int64_t>(best, 0));
      }
      if (saved != nullptr) {
        saved[at] = best;
      }
    }
  }
}

template <class T>
void store_plane(const double* plane, std::int64_t count, T* out) {
  for (std::int64_t i = 0; i < count; ++i) {
    out[i] = static_cast<T>(plane[i]);
  }
}

template <class T>
void run_max_pool_grad(const PoolPlan& p, const T* dy, const std::int64_t* saved, T* dx,
                       double* sums) {
  for (std::int64_t plane = 0; plane < p.planes; ++plane) {
    std::fill(sums, sums + p.in_plane(), 0.0);
    for (std::int64_t o = plane * p.out_plane(); o < (plane + 1) * p.out_plane(); ++o) {
      if (saved[o] >= 0) {
        sums[saved[o]] += static_cast<double>(dy[o]);
      }
    }
    store_plane(sums, p.in_plane(), dx + plane * p.in_plane());
  }
}

template <class T>
void run_average_pool(const PoolPlan& p, const T* x, T* y) {
  for (std::int64_t plane = 0; plane < p.planes; ++plane) {
    const T* from = x + plane * p.in_plane();
    for (std::int64_t o = 0; o < p.out_plane(); ++o) {
      const WindowAt at = window_at(p, o);
      double sum = 0;
      for_each_element(p, at, [&](std::int64_t i) { sum += static_cast<double>(from[i]); });
      *y++ = static_cast<T>(sum / static_cast<double>(divisor(p, at)));
    }
  }
}

template <class T>
void run_average_pool_grad(const PoolPlan& p, const T* dy, T* dx, double* sums) {
  for (std::int64_t plane = 0; plane < p.planes; ++plane) {
    std::fill(sums, sums + p.in_plane(), 0.0);
    for (std::int64_t o = 0; o < p.out_plane(); ++o) {
      const WindowAt at = window_at(p, o);
      const double share = static_cast<double>(*dy++) / static_cast<double>(divisor(p, at));
      for_each_element(p, at, [&](std::int64_t i) { sums[i] += share; });
    }
    store_plane(sums, p.in_plane(), dx + plane * p.in_plane());
  }
}

std::unique_ptr<Kernel> prepare_max_pool(const OpQuery& query) {
  // An output may be left out, so the windows come from the attributes.
  const Shape& x = query.inputs[0].shape;
  const Window window = read_window(*query.attrs);
  const Spatial out =
      window_output(window, spatial_dims(x), query.attrs->get_int("ceil_mode", 0) != 0);
  const Shape y = shape_with_spatial(x[0], x[1], out, window.rank);
  const PoolPlan plan = plan_pool(*query.attrs, x, y);
  const std::array<bool, 3> wanted{has_output(query, 0), has_output(query, 1),
                                   has_output(query, 2)};
  return visit_numeric(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    auto kernel = make_kernel([=](const KernelArgs& args) {
      run_max_pool(plan, static_cast<const T*>(args.inputs[0]),
                   wanted[0] ? static_cast<T*>(args.outputs[0]) : nullptr,
                   wanted[1] ? static_cast<std::int64_t*>(args.outputs[1]) : nullptr,
                   wanted[2] ? static_cast<std::int64_t*>(args.outputs[2]) : nullptr);
    });
    kernel->opaque_bytes.assign(query.outputs.size(), 0);
    if (wanted[2]) {
      kernel->opaque_bytes[2] = static_cast<std::size_t>(y.element_count()) * sizeof(std::int64_t);
    }
    return kernel;
  });
}

PoolPlan plan_gradient(const OpQuery& query) {
  return plan_pool(*query.attrs, Shape(query.attrs->get_ints("input_shape")),
                   query.inputs[0].shape);
}

std::unique_ptr<Kernel> prepare_max_pool_grad(const OpQuery& query) {
  const PoolPlan plan = plan_gradient(query);
  return visit_float(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    auto kernel = make_kernel([=](const KernelArgs& args) {
      run_max_pool_grad(plan, static_cast<const T*>(args.inputs[0]),
                        static_cast<const std::int64_t*>(args.inputs[1]),
                        static_cast<T*>(args.outputs[0]), static_cast<double*>(args.workspace));
    });
    kernel->workspace_bytes = static_cast<std::size_t>(plan.in_plane()) * sizeof(double);
    return kernel;
  });
}

std::unique_ptr<Kernel> prepare_average_pool(const OpQuery& query) {
  const PoolPlan plan = plan_pool(*query.attrs, query.inputs[0].shape, query.outputs[0].shape);
  return visit_float(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([=](const KernelArgs& args) {
      run_average_pool(plan, static_cast<const T*>(args.inputs[0]),
                       static_cast<T*>(args.outputs[0]));
    });
  });
}

std::unique_ptr<Kernel> prepare_average_pool_grad(const OpQuery& query) {
  const PoolPlan plan = plan_gradient(query);
  return visit_float(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    auto kernel = make_kernel([=](const KernelArgs& args) {
      run_average_pool_grad(plan, static_cast<const T*>(args.inputs[0]),
                            static_cast<T*>(args.outputs[0]), static_cast<double*>(args.workspace));
    });
    kernel->workspace_bytes = static_cast<std::size_t>(plan.in_plane()) * sizeof(double);
    return kernel;
  });
}

// x as [planes, count]: one value per plane.
std::unique_ptr<Kernel> prepare_global_pool(const OpQuery& query, bool maximum) {
  const Shape& x = query.inputs[0].shape;
  const std::int64_t planes = x[0] * x[1];
  const std::int64_t count = x.count(2, x.rank());
  return visit_float(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([=](const KernelArgs& args) {
      const T* from = static_cast<const T*>(args.inputs[0]);
      T* to = static_cast<T*>(args.outputs[0]);
      for (std::int64_t plane = 0; plane < planes; ++plane, from += count) {
        double sum = 0;
        T best = count > 0 ? from[0] : T(0);
        for (std::int64_t i = 0; i < count; ++i) {
          sum += static_cast<double>(from[i]);
          best = from[i] > best || is_nan(from[i]) ? from[i] : best;
        }
        to[plane] =
            maximum ? best
                    : static_cast<T>(sum / static_cast<double>(std::max<std::int64_t>(count, 1)));
      }
    });
  });
}

}  // namespace

void register_pool(KernelTable& table) {
  const auto floats = [](const OpQuery& query) { return one_float_type(query, {0}); };
  table.add("MaxPool", "reference", numeric_type, prepare_max_pool);
  table.add("MaxPoolGrad", "reference", floats, prepare_max_pool_grad);
  table.add("AveragePool", "reference", floats, prepare_average_pool);
  table.add("AveragePoolGrad", "reference", floats, prepare_average_pool_grad);
  table.add("GlobalAveragePool", "reference", floats,
            [](const OpQuery& query) { return prepare_global_pool(query, false); });
  table.add("GlobalMaxPool", "reference", floats,
            [](const OpQuery& query) { return prepare_global_pool(query, true); });
}

}  // namespace temper::reference
