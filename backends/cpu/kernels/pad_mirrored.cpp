// Pad by elements of the input (reflect, edge, wrap), of any type, and its gradient of f32: rows as
// they lie, and the elements beside them one by one.
#include <algorithm>

#include "backends/cpu/parallel.h"
#include "backends/host/pad_axis.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/dtype_visit.h"

namespace temper::cpu {
namespace {

// Rows of the padded tensor along its last axis.
struct PaddedRows {
  Shape padded;
  PadAxes axes;
  int last = 0;
  std::int64_t rows = 1, columns = 0;
  std::int64_t begin = 0, end = 0;  // the columns that lie in the input side by side
  std::int64_t middle = 0;          // where they do
  bool apart = true;                // whether no two rows come from the same one

  PaddedRows(const Attrs& attrs, const Shape& inner, const Shape& outer)
      : padded(outer), axes(pad_axes(attrs, inner)), last(outer.rank() - 1) {
    rows = outer.count(0, last);
    columns = outer[last];
    begin = axes[static_cast<std::size_t>(last)].begin;
    end = begin + axes[static_cast<std::size_t>(last)].length;
    middle = axes[static_cast<std::size_t>(last)].low;
    for (int axis = 0; axis < last; ++axis) {
      const PadAxis& at = axes[static_cast<std::size_t>(axis)];
      apart &= at.begin == 0 && at.length == inner[axis] && outer[axis] == inner[axis];
    }
  }

  // Where the input's row begins that this row shows.
  std::int64_t source(std::int64_t row) const {
    std::int64_t offset = 0;
    for (int axis = last - 1; axis >= 0; --axis) {
      offset += axes[static_cast<std::size_t>(axis)](row % padded[axis]);
      row /= padded[axis];
    }
    return offset;
  }
  std::int64_t column(std::int64_t i) const { return axes[static_cast<std::size_t>(last)](i); }

  // f(column) of those that are not side by side.
  template <class F>
  void beside(const F& f) const {
    for (std::int64_t i = 0; i < begin; ++i) {
      f(i);
    }
    for (std::int64_t i = end; i < columns; ++i) {
      f(i);
    }
  }
};

Support supports_mode(const OpQuery& query) {
  if (pad_mode_of(*query.attrs) == PadMode::kConstant) {
    return Support::no("nothing but a constant to pad with");
  }
  return query.inputs[0].shape.rank() > 0 ? Support::yes() : Support::no("a single number");
}

Support supports_gradient(const OpQuery& query) {
  return query.inputs[0].dtype == DType::kFloat32 ? supports_mode(query) : Support::no("only f32");
}

std::unique_ptr<Kernel> prepare(const OpQuery& query) {
  const PaddedRows plan(*query.attrs, query.inputs[0].shape, query.outputs[0].shape);
  const int threads = threads_for_elements(query.threads, query.outputs[0].shape.element_count());
  auto kernel = visit_bits(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([plan, threads](const KernelArgs& args) {
      parallel_ranges(threads, plan.rows, 1, [&](std::int64_t first, std::int64_t behind) {
        for (std::int64_t row = first; row < behind; ++row) {
          const T* x = static_cast<const T*>(args.inputs[0]) + plan.source(row);
          T* y = static_cast<T*>(args.outputs[0]) + row * plan.columns;
          std::copy_n(x + plan.middle, plan.end - plan.begin, y + plan.begin);
          plan.beside([&](std::int64_t i) { y[i] = x[plan.column(i)]; });
        }
      });
    });
  });
  kernel->description = "rows";
  return kernel;
}

// Rows that come from the same one are added in their order, by one thread.
std::unique_ptr<Kernel> prepare_gradient(const OpQuery& query) {
  const Shape& inner = query.outputs[0].shape;
  const PaddedRows plan(*query.attrs, inner, query.inputs[0].shape);
  const int threads =
      plan.apart ? threads_for_elements(query.threads, query.inputs[0].shape.element_count()) : 1;
  const std::int64_t count = inner.element_count();
  const std::int64_t width = inner[plan.last];
  auto kernel = make_kernel([=](const KernelArgs& args) {
    auto* whole = static_cast<float*>(args.outputs[0]);
    if (!plan.apart) {
      std::fill_n(whole, count, 0.0f);
    }
    parallel_ranges(threads, plan.rows, 1, [&](std::int64_t first, std::int64_t behind) {
      for (std::int64_t row = first; row < behind; ++row) {
        float* dx = whole + plan.source(row);
        const float* dy = static_cast<const float*>(args.inputs[0]) + row * plan.columns;
        if (plan.apart) {
          std::fill_n(dx, width, 0.0f);
        }
        float* middle = dx + plan.middle;
        for (std::int64_t i = 0; i < plan.end - plan.begin; ++i) {
          middle[i] += dy[plan.begin + i];
        }
        plan.beside([&](std::int64_t i) { dx[plan.column(i)] += dy[i]; });
      }
    });
  });
  kernel->description = "rows";
  return kernel;
}

}  // namespace

void register_pad_mirrored(KernelTable& table) {
  table.add("Pad", "cpu", supports_mode, prepare);
  table.add("PadGrad", "cpu", supports_gradient, prepare_gradient);
}

}  // namespace temper::cpu
