// What the recurrent kernels keep in their workspace.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "backends/cpu/panel_product.h"
#include "backends/cpu/recurrence.h"

namespace temper::cpu {

// Floats of the workspace, handed out in order.
class FloatPart {
 public:
  explicit FloatPart(float* first) : first_(first) {}  // null: only counts
  float* take(std::int64_t count) {
    float* taken = first_ == nullptr ? nullptr : first_ + taken_;
    taken_ += (count + 15) / 16 * 16;
    return taken;
  }
  std::size_t bytes() const { return static_cast<std::size_t>(taken_) * sizeof(float); }

 private:
  float* first_;
  std::int64_t taken_ = 0;
};

// What one direction works with. Rows lie as those of x.
struct RecurrenceMemory {
  // [rows, gates]: sums, then gates, which are the tape. The gradients of the sums take their place
  // unless the tape is an input, which stays as it is.
  float *gates = nullptr, *kept_gates = nullptr;
  // GRU [rows, hidden]: the state's part of n's sum, or r * h; so too.
  float *extra = nullptr, *kept_extra = nullptr;
  float* before_h = nullptr;  // tape [rows, hidden]: the state before the step
  float* before_c = nullptr;
  float *h = nullptr, *c = nullptr, *dh = nullptr, *dc = nullptr;  // [batch, hidden]
  float* scratch = nullptr;                                        // [batch, hidden]
  // Packed weights of the inputs, and what each gate's sum starts from.
  float *inputs = nullptr, *bias = nullptr;
  // Packed recurrent weights: of all gates (GRU: of z and r), and of GRU's n.
  float *forward = nullptr, *forward_new = nullptr, *back = nullptr, *back_new = nullptr;

  RecurrenceMemory() = default;
  RecurrenceMemory(const RecurrencePlan& plan, FloatPart& part, FloatPart& tape_part) {
    const std::int64_t hidden = plan.hidden, states = plan.batch * hidden;
    const bool gru = plan.is(RecurrencePlan::Cell::kGru),
               lstm = plan.is(RecurrencePlan::Cell::kLstm);
    const std::int64_t joint = gru ? 2 * hidden : plan.gate_rows();
    const std::int64_t tape = plan.records() ? plan.rows() * hidden : 0;
    FloatPart& kept = plan.keeps_tape || plan.has_tape ? tape_part : part;
    const std::int64_t sums = plan.rows() * plan.gate_rows();
    const std::int64_t extras = gru ? std::max(tape, states) : 0;
    kept_gates = kept.take(sums);
    kept_extra = kept.take(extras);
    before_h = kept.take(tape);
    before_c = kept.take(lstm ? tape : 0);
    gates = plan.has_tape ? part.take(sums) : kept_gates;
    extra = plan.has_tape && plan.reset_behind ? part.take(extras) : kept_extra;
    h = part.take(states);
    c = part.take(lstm ? states : 0);
    dh = part.take(plan.backward ? states : 0);
    dc = part.take(plan.backward && lstm ? states : 0);
    scratch = part.take(states);
    const bool goes_forward = !plan.has_tape;
    bias = part.take(goes_forward ? plan.gate_rows() : 0);
    inputs = part.take(
        goes_forward && plan.joins_inputs() ? packed_floats(plan.inputs, plan.gate_rows()) : 0);
    forward = part.take(goes_forward ? packed_floats(hidden, joint) : 0);
    forward_new = part.take(goes_forward && gru ? packed_floats(hidden, hidden) : 0);
    back = part.take(plan.backward ? packed_floats(joint, hidden) : 0);
    back_new = part.take(plan.backward && gru ? packed_floats(hidden, hidden) : 0);
  }
};

}  // namespace temper::cpu
