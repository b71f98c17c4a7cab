// SoftmaxGrad and LogSoftmaxGrad of f32 over one axis: x is [outer, reduced, inner]. Sums are kept
// in double, their order is fixed by the shape alone.
#include <algorithm>

#include "backends/cpu/float_support.h"
#include "backends/cpu/parallel.h"
#include "backends/cpu/row_loops.h"
#include "backends/cpu/vector_loops.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/concat.h"

namespace temper::cpu {
namespace {

constexpr std::int64_t kColumns = 64;  // neighbours that one thread takes at a time

struct SoftmaxGradPlan {
  std::int64_t outer = 1, reduced = 1, inner = 1;
  bool is_log = false;
  int threads = 1;
};

// inputs: dy, y
void run_rows(const SoftmaxGradPlan& plan, const KernelArgs& args) {
  parallel_ranges(plan.threads, plan.outer, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const std::int64_t first = r * plan.reduced;
      const float* dy = static_cast<const float*>(args.inputs[0]) + first;
      const float* y = static_cast<const float*>(args.inputs[1]) + first;
      float* dx = static_cast<float*>(args.outputs[0]) + first;
      if (plan.is_log) {
        const auto total = static_cast<float>(row_sum(dy, plan.reduced));
        log_softmax_row_grad(dy, y, total, dx, plan.reduced);
      } else {
        const auto total = static_cast<float>(row_product_sum(dy, y, plan.reduced));
        softmax_row_grad(dy, y, total, dx, plan.reduced);
      }
    }
  });
}

void run_columns(const SoftmaxGradPlan& plan, const KernelArgs& args) {
  const std::int64_t blocks = (plan.inner + kColumns - 1) / kColumns;
  parallel_ranges(plan.threads, plan.outer * blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t column = i % blocks * kColumns;
      const std::int64_t count = std::min(kColumns, plan.inner - column);
      const std::int64_t first = i / blocks * plan.reduced * plan.inner + column;
      const float* dy = static_cast<const float*>(args.inputs[0]) + first;
      const float* y = static_cast<const float*>(args.inputs[1]) + first;
      float* dx = static_cast<float*>(args.outputs[0]) + first;
      double totals[kColumns] = {};
      for (std::int64_t r = 0; r < plan.reduced; ++r) {
        const std::int64_t at = r * plan.inner;
        plan.is_log ? add_to(totals, dy + at, count)
                    : add_products_to(totals, dy + at, y + at, count);
      }
      for (std::int64_t r = 0; r < plan.reduced; ++r) {
        const std::int64_t at = r * plan.inner;
        plan.is_log ? log_softmax_column_grad(dy + at, y + at, totals, dx + at, count)
                    : softmax_column_grad(dy + at, y + at, totals, dx + at, count);
      }
    }
  });
}

std::unique_ptr<Kernel> prepare(const OpQuery& query) {
  const Shape& x = query.inputs[0].shape;
  const auto axis = static_cast<int>(query.attrs->get_int("axis", -1));
  SoftmaxGradPlan plan;
  plan.outer = x.count(0, axis);
  plan.reduced = x[axis];
  plan.inner = x.count(axis + 1, x.rank());
  plan.is_log = query.op == "LogSoftmaxGrad";
  plan.threads = threads_for_elements(query.threads, x.element_count());
  auto kernel = make_kernel([plan](const KernelArgs& args) {
    plan.inner == 1 ? run_rows(plan, args) : run_columns(plan, args);
  });
  kernel->inplace = {{0, 0}, {0, 1}};
  kernel->description = "vector";
  return kernel;
}

Support supports(const OpQuery& query) {
  if (Support types = only_float32(query); !types.ok) {
    return types;
  }
  return query.inputs[0].shape.rank() > 0 ? Support::yes() : Support::no("a scalar has no axis");
}

}  // namespace

void register_softmax_grad(KernelTable& table) {
  table.add("SoftmaxGrad", "cpu", supports, prepare);
  table.add("LogSoftmaxGrad", "cpu", supports, prepare);
}

}  // namespace temper::cpu
