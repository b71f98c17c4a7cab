// ArgMax and ArgMin of f32 and f64. Along the last axis a row's extremum is found first, then its
// first (or last) place; along another axis neighbouring lines are walked together. NaN counts as
// the extremum.
#include <algorithm>
#include <cmath>

#include "backends/cpu/parallel.h"
#include "backends/cpu/reduce_loops.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/dtype_visit.h"

namespace temper::cpu {
namespace {

constexpr std::int64_t kLines = 256;  // lines walked together

struct ArgPlan {
  std::int64_t outer = 1, dim = 1, inner = 1;
  bool smallest = false, last_wins = false;
  int threads = 1;
};

template <class T>
std::int64_t place_in_row(const ArgPlan& plan, const T* x) {
  const T best = plan.smallest ? smallest(x, plan.dim) : largest(x, plan.dim);
  const auto is_best = [best](T value) { return value == best || std::isnan(value); };
  if (plan.last_wins) {
    std::int64_t at = plan.dim - 1;
    while (!is_best(x[at])) {
      --at;
    }
    return at;
  }
  return std::find_if(x, x + plan.dim, is_best) - x;
}

template <class T>
void places_in_lines(const ArgPlan& plan, const T* x, std::int64_t count, std::int64_t* places) {
  T best[kLines];
  std::copy(x, x + count, best);
  std::fill(places, places + count, 0);
  for (std::int64_t d = 1; d < plan.dim; ++d) {
    const T* row = x + d * plan.inner;
    for (std::int64_t i = 0; i < count; ++i) {
      const bool ahead = plan.smallest ? row[i] < best[i] : row[i] > best[i];
      const bool level = std::isnan(best[i]) ? std::isnan(row[i]) : row[i] == best[i];
      const bool better = std::isnan(best[i]) ? false : ahead || std::isnan(row[i]);
      if (better || (level && plan.last_wins)) {
        best[i] = row[i];
        places[i] = d;
      }
    }
  }
}

template <class T>
std::unique_ptr<Kernel> arg_kernel(const ArgPlan& plan) {
  return make_kernel([plan](const KernelArgs& args) {
    const T* x = static_cast<const T*>(args.inputs[0]);
    auto* y = static_cast<std::int64_t*>(args.outputs[0]);
    const std::int64_t blocks = (plan.inner + kLines - 1) / kLines;
    parallel_ranges(
        plan.threads, plan.outer * blocks, 1, [&](std::int64_t begin, std::int64_t end) {
          for (std::int64_t i = begin; i < end; ++i) {
            if (plan.inner == 1) {
              y[i] = place_in_row(plan, x + i * plan.dim);
              continue;
            }
            const std::int64_t o = i / blocks, first = i % blocks * kLines;
            places_in_lines(plan, x + o * plan.dim * plan.inner + first,
                            std::min(kLines, plan.inner - first), y + o * plan.inner + first);
          }
        });
  });
}

Support supports(const OpQuery& query) {
  const TensorSpec& x = query.inputs[0];
  if (x.dtype != DType::kFloat32 && x.dtype != DType::kFloat64) {
    return Support::no(concat("only f32 and f64, not ", x.dtype));
  }
  return x.shape.element_count() > 0 ? Support::yes() : Support::no("a tensor has no elements");
}

std::unique_ptr<Kernel> prepare(const OpQuery& query) {
  const Shape& shape = query.inputs[0].shape;
  const int axis = static_cast<int>(query.attrs->get_int("axis", 0));
  ArgPlan plan;
  plan.outer = shape.count(0, axis);
  plan.dim = shape[axis];
  plan.inner = shape.count(axis + 1, shape.rank());
  plan.smallest = query.op == "ArgMin";
  plan.last_wins = query.attrs->get_int("select_last_index", 0) != 0;
  plan.threads = threads_for_elements(query.threads, shape.element_count());
  auto kernel = visit_float(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return arg_kernel<T>(plan);
  });
  kernel->description = "vector";
  return kernel;
}

}  // namespace

void register_arg_max(KernelTable& table) {
  table.add("ArgMax", "cpu", supports, prepare);
  table.add("ArgMin", "cpu", supports, prepare);
}

}  // namespace temper::cpu
