// Resize, Upsample and ResizeGrad. An output element lies at a place between input elements along
// each resized axis, and takes them by weights; the axes are independent, so one is resized after
// the other, in double. The nearest element is moved as it is. Places and weights are computed as
// an axis is walked.
#include <algorithm>
#include <cmath>
#include <vector>

#include "backends/host/cast_element.h"
#include "backends/host/resize_plan.h"
#include "backends/reference/index_walk.h"
#include "backends/reference/reference_backend.h"
#include "runtime/base/dtype_visit.h"

namespace temper::reference {
namespace {

// Where each element of an axis is taken from; `offsets` is null where the axis stays.
struct MovedAxis {
  const std::int64_t* offsets = nullptr;
  std::int64_t stride = 0;

  std::int64_t operator()(std::int64_t i) const {
    return offsets != nullptr ? offsets[i] : i * stride;
  }
};

std::unique_ptr<Kernel> moving_kernel(const OpQuery& query, const ResizePlan& plan) {
  const Shape& y_shape = query.outputs[0].shape;
  const Shape strides = row_major_strides(query.inputs[0].shape);
  const double value = query.attrs->get_double("extrapolation_value", 0);
  const DType dtype = query.inputs[0].dtype;
  const std::uint64_t fill =
      visit_any(dtype, [&]<class T>() { return bits_of(cast_element<T>(value)); });
  auto kernel = visit_bits(dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([=, fill = static_cast<T>(fill)](const KernelArgs& args) {
      auto* offsets = static_cast<std::int64_t*>(args.workspace);
      std::array<MovedAxis, kMaxRank> axes{};
      for (int axis = 0; axis < y_shape.rank(); ++axis) {
        axes[static_cast<std::size_t>(axis)].stride = strides[axis];
      }
      for (const auto& [number, axis] : plan.axes) {
        axes[static_cast<std::size_t>(number)].offsets = offsets;
        for (std::int64_t i = 0; i < axis.out; ++i) {
          const double place = plan.rule.place(axis, i);
          *offsets++ = plan.rule.is_outside(axis, place)
                           ? -1
                           : plan.rule.nearest_to(axis, place) * strides[number];
        }
      }
      const T* x = static_cast<const T*>(args.inputs[0]);
      T* y = static_cast<T*>(args.outputs[0]);
      walk_mapped(y_shape, axes,
                  [&](std::int64_t to, std::int64_t from) { y[to] = from < 0 ? fill : x[from]; });
    });
  });
  for (const NumberedAxis& axis : plan.axes) {
    kernel->workspace_bytes += static_cast<std::size_t>(axis.sizes.out) * sizeof(std::int64_t);
  }
  return kernel;
}

// One axis of a tensor in double: [outer, in, inner] and [outer, out, inner].
struct Pass {
  ResizedAxis axis;
  std::int64_t outer = 1, inner = 1;

  std::int64_t in_count() const { return outer * axis.in * inner; }
  std::int64_t out_count() const { return outer * axis.out * inner; }
};

// `to` and `from` are rows of y and x, or of dx and dy.
void add_row(double* to, const double* from, double weight, std::int64_t count) {
  for (std::int64_t i = 0; i < count && weight != 0; ++i) {
    to[i] += weight * from[i];
  }
}

// y = A x + b forward; dx = A^T dy backward.
void run_pass(const ResizeRule& rule, const Pass& pass, bool backward, const double* from,
              double* to, double* weights, double outside) {
  const ResizedAxis& axis = pass.axis;
  std::fill(to, to + (backward ? pass.in_count() : pass.out_count()), 0.0);
  for (std::int64_t i = 0; i < axis.out; ++i) {
    const double place = rule.place(axis, i);
    const bool is_outside = rule.is_outside(axis, place);
    const std::int64_t first = is_outside ? 0 : rule.weigh(axis, place, weights);
    for (std::int64_t outer = 0; outer < pass.outer; ++outer) {
      const std::int64_t y_row = (outer * axis.out + i) * pass.inner;
      if (is_outside && !backward) {
        std::fill(to + y_row, to + y_row + pass.inner, outside);
      }
      for (std::int64_t t = 0; t < axis.taps && !is_outside; ++t) {
        const std::int64_t at = std::clamp<std::int64_t>(first + t, 0, axis.in - 1);
        const std::int64_t x_row = (outer * axis.in + at) * pass.inner;
        add_row(to + (backward ? x_row : y_row), from + (backward ? y_row : x_row), weights[t],
                pass.inner);
      }
    }
  }
}

std::vector<Pass> passes_of(const ResizePlan& plan, Shape shape) {
  std::vector<Pass> passes;
  for (const auto& [number, axis] : plan.axes) {
    passes.push_back({axis, shape.count(0, number), shape.count(number + 1, shape.rank())});
    shape[number] = axis.out;
  }
  return passes;
}

template <class T>
T stored(double value) {
  if constexpr (std::is_integral_v<T>) {
    return cast_element<T>(std::nearbyint(value));
  } else {
    return convert_element<T>(value);
  }
}

std::unique_ptr<Kernel> weighing_kernel(const OpQuery& query, const ResizePlan& plan,
                                        bool backward) {
  const Shape& x_shape = (backward ? query.outputs : query.inputs)[0].shape;
  std::vector<Pass> passes = passes_of(plan, x_shape);
  std::int64_t most =
      std::max(query.inputs[0].shape.element_count(), query.outputs[0].shape.element_count());
  std::int64_t taps = 1;
  for (const Pass& pass : passes) {
    most = std::max({most, pass.in_count(), pass.out_count()});
    taps = std::max(taps, pass.axis.taps);
  }
  if (backward) {
    std::reverse(passes.begin(), passes.end());
  }
  const double outside = query.attrs->get_double("extrapolation_value", 0);
  const std::int64_t given = query.inputs[0].shape.element_count();
  const std::int64_t wanted = query.outputs[0].shape.element_count();
  auto kernel = visit_any(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([=, rule = plan.rule](const KernelArgs& args) {
      const T* x = static_cast<const T*>(args.inputs[0]);
      double* from = static_cast<double*>(args.workspace);
      double* to = from + most;
      double* weights = to + most;
      for (std::int64_t i = 0; i < given; ++i) {
        from[i] = convert_element<double>(x[i]);
      }
      for (const Pass& pass : passes) {
        run_pass(rule, pass, backward, from, to, weights, outside);
        std::swap(from, to);
      }
      T* y = static_cast<T*>(args.outputs[0]);
      for (std::int64_t i = 0; i < wanted; ++i) {
        y[i] = stored<T>(from[i]);
      }
    });
  });
  kernel->workspace_bytes = static_cast<std::size_t>(2 * most + taps) * sizeof(double);
  return kernel;
}

std::unique_ptr<Kernel> prepare_resize(const OpQuery& query) {
  const ResizePlan plan = plan_resize(*query.attrs, query.inputs[0].shape, query.outputs[0].shape);
  return plan.rule.moves ? moving_kernel(query, plan) : weighing_kernel(query, plan, false);
}

std::unique_ptr<Kernel> prepare_resize_grad(const OpQuery& query) {
  const ResizePlan plan = plan_resize(*query.attrs, query.outputs[0].shape, query.inputs[0].shape);
  return weighing_kernel(query, plan, true);
}

}  // namespace

void register_resize(KernelTable& table) {
  table.add("Resize", "reference", {}, prepare_resize);
  table.add("Upsample", "reference", {}, prepare_resize);
  table.add("ResizeGrad", "reference", {}, prepare_resize_grad);
}

}  // namespace temper::reference
