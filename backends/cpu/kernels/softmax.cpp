// Softmax and LogSoftmax over one axis, f32: where the library has nothing but its reference code,
// and in builds without it.
#include <algorithm>

#include "backends/cpu/attention_loops.h"
#include "backends/cpu/parallel.h"
#include "backends/cpu/refusals.h"
#include "backends/cpu/vector_loops.h"
#include "runtime/backend/kernel_table.h"

namespace temper::cpu {
namespace {

constexpr std::int64_t kColumns = 16;  // neighbours that are gathered into rows at a time

// x: [outer, length, inner]
struct SoftmaxPlan {
  std::int64_t outer = 1, length = 1, inner = 1;
  bool is_log = false;
  int threads = 1;

  std::int64_t blocks() const { return (inner + kColumns - 1) / kColumns; }
};

void softmax_row(const SoftmaxPlan& plan, const float* x, float* y) {
  if (plan.is_log) {
    return log_softmax_row(x, y, plan.length);
  }
  if (y != x) {
    std::copy_n(x, plan.length, y);
  }
  const float top = score_row(plan.length, y, 1, nullptr, 0);
  scale_row(plan.length, y, 1 / share_row(plan.length, y, top));
}

// `rows`: room for kColumns rows.
void softmax_columns(const SoftmaxPlan& plan, std::int64_t count, const float* x, float* y,
                     float* rows) {
  for (std::int64_t r = 0; r < plan.length; ++r) {
    for (std::int64_t l = 0; l < count; ++l) {
      rows[l * plan.length + r] = x[r * plan.inner + l];
    }
  }
  for (std::int64_t l = 0; l < count; ++l) {
    softmax_row(plan, rows + l * plan.length, rows + l * plan.length);
  }
  for (std::int64_t r = 0; r < plan.length; ++r) {
    for (std::int64_t l = 0; l < count; ++l) {
      y[r * plan.inner + l] = rows[l * plan.length + r];
    }
  }
}

void run(const SoftmaxPlan& plan, const KernelArgs& args) {
  const auto* x = static_cast<const float*>(args.inputs[0]);
  auto* y = static_cast<float*>(args.outputs[0]);
  if (plan.inner == 1) {
    parallel_ranges(plan.threads, plan.outer, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        softmax_row(plan, x + r * plan.length, y + r * plan.length);
      }
    });
    return;
  }
  // Each part has rows of its own in the workspace.
  const std::int64_t units = plan.outer * plan.blocks(), parts = plan.threads;
  parallel_ranges(plan.threads, parts, 1, [&](std::int64_t begin, std::int64_t end) {
    float* rows = static_cast<float*>(args.workspace) + begin * kColumns * plan.length;
    for (std::int64_t i = units * begin / parts; i < units * end / parts; ++i) {
      const std::int64_t column = i % plan.blocks() * kColumns;
      const std::int64_t first = i / plan.blocks() * plan.length * plan.inner + column;
      softmax_columns(plan, std::min(kColumns, plan.inner - column), x + first, y + first, rows);
    }
  });
}

std::unique_ptr<Kernel> prepare(const OpQuery& query) {
  const Shape& x = query.inputs[0].shape;
  const auto given = static_cast<int>(query.attrs->get_int("axis", -1));
  const int axis = given < 0 ? given + x.rank() : given;
  SoftmaxPlan plan;
  plan.outer = x.count(0, axis);
  plan.length = x[axis];
  plan.inner = x.count(axis + 1, x.rank());
  plan.is_log = query.op == "LogSoftmax";
  plan.threads = threads_for_elements(query.threads, x.element_count());
  auto kernel = make_kernel([plan](const KernelArgs& args) { run(plan, args); });
  if (plan.inner > 1) {
    kernel->workspace_bytes =
        static_cast<std::size_t>(plan.threads * kColumns * plan.length) * sizeof(float);
  }
  kernel->inplace = {{0, 0}};
  kernel->description = "vector";
  return kernel;
}

Support supports(const OpQuery& query) {
  const std::string reason = refuse_dtypes(query);
  return reason.empty() && query.inputs[0].shape.rank() == 0 ? Support::no("a scalar has no axis")
                                                             : support_from(reason);
}

}  // namespace

void register_softmax(KernelTable& table) {
  table.add("Softmax", "cpu", supports, prepare);
  table.add("LogSoftmax", "cpu", supports, prepare);
}

}  // namespace temper::cpu
