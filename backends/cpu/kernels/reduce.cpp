// ReduceSum and ReduceMean of f32 over neighbouring axes: x is [outer, reduced, inner]. Sums are
// kept in double, their order is fixed by the shape alone.
#include <algorithm>

#include "backends/cpu/parallel.h"
#include "backends/cpu/vector_loops.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/error.h"

namespace temper::cpu {
namespace {

constexpr std::int64_t kChunk = 16384;
constexpr std::int64_t kColumns = 64;  // columns one thread sums at a time

struct ReducePlan {
  std::int64_t outer = 1, reduced = 1, inner = 1;
  bool mean = false;
  int threads = 1;
};

std::string plan_reduce(const OpQuery& query, ReducePlan& plan) {
  const TensorSpec& x = query.inputs[0];
  if (x.dtype != DType::kFloat32) {
    return concat("only f32, not ", x.dtype);
  }
  // Axes of one element may be reduced or not without a difference.
  const auto axes = query.attrs->get_ints("axes");
  enum { kOuter, kReduced, kInner } part = kOuter;
  for (int axis = 0; axis < x.shape.rank(); ++axis) {
    const bool reduced = std::find(axes.begin(), axes.end(), axis) != axes.end();
    const std::int64_t dim = x.shape[axis];
    if (dim == 0) {
      return "a tensor has no elements";
    }
    if (dim == 1) {
      continue;
    }
    if (reduced && part == kInner) {
      return "the reduced axes are not neighbours";
    }
    part = reduced ? kReduced : part == kOuter ? kOuter : kInner;
    (part == kOuter ? plan.outer : part == kReduced ? plan.reduced : plan.inner) *= dim;
  }
  plan.mean = query.op == "ReduceMean";
  plan.threads = threads_for_elements(query.threads, x.shape.element_count());
  return {};
}

// Sums rows of contiguous elements, chunk by chunk.
void reduce_rows(const ReducePlan& plan, const KernelArgs& args, double divisor) {
  const auto* x = static_cast<const float*>(args.inputs[0]);
  auto* y = static_cast<float*>(args.outputs[0]);
  auto* partial = static_cast<double*>(args.workspace);
  const std::int64_t per_row = (plan.reduced + kChunk - 1) / kChunk;
  parallel_ranges(plan.threads, plan.outer * per_row, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t at = i % per_row * kChunk;
      partial[i] = sum(x + i / per_row * plan.reduced + at, std::min(kChunk, plan.reduced - at));
    }
  });
  for (std::int64_t row = 0; row < plan.outer; ++row) {
    double total = 0;
    for (std::int64_t i = 0; i < per_row; ++i) {
      total += partial[row * per_row + i];
    }
    y[row] = static_cast<float>(total / divisor);
  }
}

// Adds rows of `inner` elements; a thread takes some columns and all rows.
void reduce_columns(const ReducePlan& plan, const KernelArgs& args, double divisor) {
  const auto* x = static_cast<const float*>(args.inputs[0]);
  auto* y = static_cast<float*>(args.outputs[0]);
  const std::int64_t blocks = (plan.inner + kColumns - 1) / kColumns;
  parallel_ranges(plan.threads, plan.outer * blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t first = i % blocks * kColumns;
      const std::int64_t count = std::min(kColumns, plan.inner - first);
      const float* column = x + i / blocks * plan.reduced * plan.inner + first;
      double totals[kColumns] = {};
      for (std::int64_t r = 0; r < plan.reduced; ++r) {
        add_to(totals, column + r * plan.inner, count);
      }
      for (std::int64_t j = 0; j < count; ++j) {
        y[i / blocks * plan.inner + first + j] = static_cast<float>(totals[j] / divisor);
      }
    }
  });
}

std::unique_ptr<Kernel> prepare_reduce(const OpQuery& query) {
  ReducePlan plan;
  const std::string reason = plan_reduce(query, plan);
  TEMPER_ASSERT(reason.empty(), reason);
  const double divisor = plan.mean ? static_cast<double>(plan.reduced) : 1.0;
  std::unique_ptr<Kernel> kernel;
  if (plan.inner == 1) {
    kernel = make_kernel([=](const KernelArgs& args) { reduce_rows(plan, args, divisor); });
    kernel->workspace_bytes = static_cast<std::size_t>(plan.outer) *
                              static_cast<std::size_t>((plan.reduced + kChunk - 1) / kChunk) *
                              sizeof(double);
  } else {
    kernel = make_kernel([=](const KernelArgs& args) { reduce_columns(plan, args, divisor); });
  }
  kernel->description = "vector";
  return kernel;
}

Support supports(const OpQuery& query) {
  ReducePlan plan;
  const std::string reason = plan_reduce(query, plan);
  return reason.empty() ? Support::yes() : Support::no(reason);
}

}  // namespace

void register_reduce(KernelTable& table) {
  table.add("ReduceSum", "cpu", supports, prepare_reduce);
  table.add("ReduceMean", "cpu", supports, prepare_reduce);
}

}  // namespace temper::cpu
