#include "backends/cpu/recurrence_gradients.h"

#include <algorithm>

#include "backends/cpu/library_product.h"
#include "backends/cpu/reduce_loops.h"

namespace temper::cpu {

void write_weight_gradients(const RecurrencePlan& plan, const KernelArgs& args,
                            const RecurrenceMemory& m, const float* x, std::int64_t d) {
  const auto output = [&](std::size_t i) { return static_cast<float*>(args.outputs[i]); };
  const bool gru = plan.is(RecurrencePlan::Cell::kGru), behind = plan.reset_behind;
  const std::int64_t hidden = plan.hidden, rows = plan.gate_rows(), all = plan.rows();
  const std::int64_t inputs = plan.inputs;
  if (float* dw = output(kW)) {
    run_product(plan.threads, {rows, inputs, all, true, false, m.gates, rows, x, inputs, 1, 0,
                               dw + d * rows * inputs, inputs});
  }
  if (float* dr = output(kR)) {
    dr += d * rows * hidden;
    const std::int64_t joint = gru ? 2 * hidden : rows;
    run_product(plan.threads, {joint, hidden, all, true, false, m.gates, rows, m.before_h, hidden,
                               1, 0, dr, hidden});
    if (gru) {
      run_product(plan.threads,
                  {hidden, hidden, all, true, false, behind ? m.extra : m.gates + joint,
                   behind ? hidden : rows, behind ? m.before_h : m.extra, hidden, 1, 0,
                   dr + joint * hidden, hidden});
    }
  }
  if (float* db = output(kB)) {
    db += d * 2 * rows;
    sum_rows(plan.threads, m.gates, rows, all, rows, db);
    std::copy_n(db, rows, db + rows);
    if (behind) {
      sum_rows(plan.threads, m.extra, hidden, all, hidden, db + 2 * rows - hidden);
    }
  }
  if (float* dx = output(kX)) {
    const float* w = static_cast<const float*>(args.inputs[kW]) + d * rows * inputs;
    run_product(plan.threads, {all, inputs, rows, false, false, m.gates, rows, w, inputs, 1,
                               d == 0 ? 0.0f : 1.0f, dx, inputs});
  }
}

}  // namespace temper::cpu
