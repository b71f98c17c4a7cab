// LSTM, GRU, RNN and their gradients: the inputs' part of all sums is one product, each step a
// product with the state and a kernel for the cell, the gradients of the weights one product over
// all steps.
#include "backends/cuda/kernels/recurrent.h"

#include <string>

#include "backends/cuda/kernel_rows.h"
#include "backends/cuda/kernels/optional_tensors.h"
#include "backends/cuda/kernels/recurrent_products.h"
#include "backends/cuda/kernels/reduce.h"
#include "backends/cuda/walks.h"

namespace temper::cuda {
namespace {

// The inputs of the ops; of the gradient behind them the gradients of the outputs, then the tape.
enum Input : std::size_t { kX, kW, kR, kB, kLengths, kH0, kC0, kP };

bool is_gradient(const OpQuery& query) { return query.op.ends_with("Grad"); }
std::size_t forward_inputs(const CellRules& rules) { return rules.is(Cell::kLstm) ? 8 : 6; }
std::size_t tape_output(const CellRules& rules) { return rules.is(Cell::kLstm) ? 3 : 2; }
std::size_t tape_input(const CellRules& rules) {
  return forward_inputs(rules) + tape_output(rules);
}

CellRules rules_of(const OpQuery& query) {
  const Attrs& attrs = *query.attrs;
  CellRules rules;
  rules.cell = query.op.starts_with("LSTM")  ? Cell::kLstm
               : query.op.starts_with("GRU") ? Cell::kGru
                                             : Cell::kRnn;
  rules.dtype = query.inputs[kX].dtype;
  rules.gates = rules.is(Cell::kLstm) ? 4 : rules.is(Cell::kGru) ? 3 : 1;
  rules.batch_first = attrs.get_int("layout", 0) != 0;
  const Shape& x = query.inputs[kX].shape;
  rules.steps = x[rules.batch_first ? 1 : 0];
  rules.batch = x[rules.batch_first ? 0 : 1];
  rules.inputs = x[2];
  rules.directions = query.inputs[kW].shape[0];
  rules.hidden = query.inputs[kR].shape[2];
  rules.reversed = attrs.get_string("direction", "forward") == "reverse";
  rules.input_forget = attrs.get_int("input_forget", 0) != 0;
  rules.reset_behind = rules.is(Cell::kGru) && attrs.get_int("linear_before_reset", 0) != 0;
  rules.clip = static_cast<float>(attrs.get_double("clip", 0));
  const std::vector<std::int64_t> functions = attrs.get_ints("functions");
  const std::vector<double> alphas = attrs.get_doubles("alphas");
  const std::vector<double> betas = attrs.get_doubles("betas");
  const std::size_t each = functions.size() / static_cast<std::size_t>(rules.directions);
  for (std::size_t i = 0; i < functions.size(); ++i) {
    rules.functions[i / each][i % each] = {static_cast<CellActivation<float>::Kind>(functions[i]),
                                           static_cast<float>(alphas.at(i)),
                                           static_cast<float>(betas.at(i))};
  }
  return rules;
}

class RecurrentKernel final : public Kernel {
 public:
  explicit RecurrentKernel(const OpQuery& query)
      : rules_(rules_of(query)),
        there_(query),
        backward_(is_gradient(query)),
        has_tape_(backward_ && has_input(query, tape_input(rules_))),
        keeps_tape_(!backward_ && has_output(query, tape_output(rules_))),
        copies_x_(rules_.batch_first || has_input(query, kLengths)),
        products_(rules_, backward_, query.tf32) {
    MemoryPart tape(nullptr), part(nullptr);
    const RecurrentTape kept(rules_, tape);
    opaque_bytes.assign(query.outputs.size(), 0);
    direction_bytes_ = tape.bytes();
    if (keeps_tape_) {
      opaque_bytes[tape_output(rules_)] =
          tape.bytes() * static_cast<std::size_t>(rules_.directions);
    } else if (!has_tape_) {
      const RecurrentTape own(rules_, part);
    }
    const RecurrentScratch scratch(rules_, copies_x_, backward_, part);
    workspace_bytes = part.bytes() + products_.workspace_bytes;
    description = "products, a kernel for each step's cell";
    set_axes(columns_[0], {{rules_.gate_rows(), {1}}});
    set_axes(rows_[0], {{rules_.rows(), {rules_.gate_rows()}}});
    set_axes(columns_[1], {{2 * rules_.hidden, {1}}});
    set_axes(rows_[1], {{rules_.rows(), {2 * rules_.hidden}}});
    set_axes(columns_[2], {{rules_.hidden, {1}}});
    set_axes(rows_[2], {{rules_.rows(), {rules_.hidden}}});
  }

  void run(const KernelArgs& args) const override {
    MemoryPart part(args.workspace);
    // Without a tape, both directions use one place.
    const RecurrentTape own =
        has_tape_ || keeps_tape_ ? tape_at(nullptr, 0) : RecurrentTape(rules_, part);
    const RecurrentScratch scratch(rules_, copies_x_, backward_, part);
    Call call{args,
              handle_of(args.stream),
              own,
              scratch,
              there_.input<void>(args, kX),
              there_.input<std::int32_t>(args, kLengths),
              static_cast<unsigned char*>(args.workspace) + part.bytes()};
    if (call.lengths != nullptr) {
      note_lengths(rules_, call.lengths, fault_of(args), call.stream);
    }
    if (copies_x_) {
      read_rows(rules_, call.lengths, call.x, scratch.x, call.stream);
      call.x = scratch.x;
    }
    for (std::int64_t d = 0; d < rules_.directions; ++d) {
      if (has_tape_) {
        call.tape = tape_at(args.inputs[tape_input(rules_)], d);
      } else if (keeps_tape_) {
        call.tape = tape_at(args.outputs[tape_output(rules_)], d);
      }
      if (!has_tape_) {
        forward(call, d);
      }
      if (backward_) {
        go_back(call, d);
        give_gradients(call, d);
      }
    }
    if (backward_ && rules_.gathers_dx() && there_.output<void>(args, kX) != nullptr) {
      write_rows(rules_, scratch.dx, there_.output<void>(args, kX), call.stream);
    }
  }

 private:
  struct Call {
    const KernelArgs& args;
    StreamHandle stream;
    RecurrentTape tape;
    const RecurrentScratch& scratch;
    const void* x;  // in the order of rows here
    const std::int32_t* lengths;
    void* product_workspace;
  };

  RecurrentTape tape_at(void* first, std::int64_t d) const {
    MemoryPart part(first == nullptr ? nullptr
                                     : static_cast<std::byte*>(first) +
                                           static_cast<std::size_t>(d) * direction_bytes_);
    return {rules_, part};
  }
  // So many stored elements further on; null stays.
  void* moved(void* tensor, std::int64_t elements) const {
    return tensor == nullptr ? nullptr
                             : static_cast<std::byte*>(tensor) +
                                   elements * static_cast<std::int64_t>(size_of(rules_.dtype));
  }
  const void* moved(const void* tensor, std::int64_t elements) const {
    return moved(const_cast<void*>(tensor), elements);
  }
  const void* input(const Call& call, std::size_t i) const {
    return there_.input<void>(call.args, i);
  }
  const void* dy(const Call& call, std::size_t i) const {
    return input(call, forward_inputs(rules_) + i);
  }
  void* output(const Call& call, std::size_t i) const { return there_.output<void>(call.args, i); }
  // Of a direction: recurrent weights, and those of GRU's new gate.
  const void* weights(const Call& call, std::int64_t d) const {
    return moved(input(call, kR), d * rules_.gate_rows() * rules_.hidden);
  }
  const void* new_weights(const Call& call, std::int64_t d) const {
    return moved(weights(call, d), 2 * rules_.hidden * rules_.hidden);
  }
  const void* weights_of_x(const Call& call, std::int64_t d) const {
    return moved(input(call, kW), d * rules_.gate_rows() * rules_.inputs);
  }
  void multiply(const Call& call, const std::unique_ptr<MatMulPlan>& product, const void* a,
                const void* b, void* c) const {
    product->run({a, b, nullptr, c}, call.product_workspace, call.stream);
  }
  bool is(Cell cell) const { return rules_.is(cell); }

  // States lie by time, so that those before all steps are one matrix.
  CellStep step_of(const Call& call, std::int64_t d, std::int64_t step) const {
    const std::int64_t t = rules_.step_time(d, step), states = rules_.states();
    const std::int64_t before = (rules_.goes_back(d) ? t + 1 : t) * states;
    const std::int64_t behind = (rules_.goes_back(d) ? t : t + 1) * states;
    const RecurrentTape& tape = call.tape;
    CellStep made{};
    made.d = d;
    made.t = t;
    made.lengths = call.lengths;
    made.bias = moved(input(call, kB), d * 2 * rules_.gate_rows());
    made.sums = tape.sums + t * rules_.batch * rules_.gate_rows();
    made.from_h = call.scratch.from_h;
    made.from_new = call.scratch.from_new;
    made.h = moved(tape.h, before);
    made.next_h = moved(tape.h, behind);
    if (is(Cell::kLstm)) {
      made.peepholes = moved(input(call, kP), d * 3 * rules_.hidden);
      made.c = tape.c + before;
      made.next_c = tape.c + behind;
    }
    made.extra = moved(tape.extra, t * states);
    made.y = backward_ ? nullptr : output(call, 0);
    return made;
  }

  void forward(const Call& call, std::int64_t d) const {
    const RecurrentTape& tape = call.tape;
    const std::int64_t last = rules_.steps * rules_.states();
    const std::int64_t first_state = rules_.goes_back(d) ? last : 0;
    multiply(call, products_.w, call.x, weights_of_x(call, d), tape.sums);
    read_states(rules_, d, input(call, kH0), rules_.dtype, moved(tape.h, first_state), call.stream);
    if (is(Cell::kLstm)) {
      read_states(rules_, d, input(call, kC0), DType::kFloat32, tape.c + first_state, call.stream);
    }
    for (std::int64_t s = 0; s < rules_.steps; ++s) {
      advance(call, step_of(call, d, s));
    }
    if (backward_) {
      return;
    }
    if (output(call, 1) != nullptr) {
      write_states(rules_, d, rules_.dtype, moved(tape.h, last - first_state), output(call, 1),
                   call.stream);
    }
    if (is(Cell::kLstm) && output(call, 2) != nullptr) {
      write_states(rules_, d, DType::kFloat32, tape.c + last - first_state, output(call, 2),
                   call.stream);
    }
  }

  void advance(const Call& call, const CellStep& step) const {
    multiply(call, products_.h, step.h, weights(call, step.d), call.scratch.from_h);
    switch (rules_.cell) {
      case Cell::kLstm:
        return lstm_step(rules_, step, call.stream);
      case Cell::kRnn:
        return rnn_step(rules_, step, call.stream);
      case Cell::kGru:
        gru_gates(rules_, step, call.stream);
        if (!rules_.reset_behind) {
          multiply(call, products_.h_new, step.extra, new_weights(call, step.d),
                   call.scratch.from_new);
          gru_new(rules_, step, call.stream);
        }
        return;
    }
  }

  void go_back(const Call& call, std::int64_t d) const {
    const RecurrentScratch& scratch = call.scratch;
    read_states(rules_, d, dy(call, 1), DType::kFloat32, scratch.dh, call.stream);
    if (is(Cell::kLstm)) {
      read_states(rules_, d, dy(call, 2), DType::kFloat32, scratch.dc, call.stream);
    }
    for (std::int64_t s = rules_.steps - 1; s >= 0; --s) {
      retreat(call, step_of(call, d, s));
    }
    if (void* dh = output(call, kH0)) {
      write_states(rules_, d, DType::kFloat32, scratch.dh, dh, call.stream);
    }
    if (void* dc = is(Cell::kLstm) ? output(call, kC0) : nullptr) {
      write_states(rules_, d, DType::kFloat32, scratch.dc, dc, call.stream);
    }
  }

  void retreat(const Call& call, const CellStep& step) const {
    const RecurrentScratch& scratch = call.scratch;
    const std::int64_t row = step.t * rules_.batch;
    CellStepBack back{};
    back.dy = dy(call, 0);
    back.dh = scratch.dh;
    back.dc = scratch.dc;
    back.dz = moved(scratch.dz, row * rules_.gate_rows());
    const void* joint = back.dz;
    if (is(Cell::kGru)) {
      back.dz_joint = moved(scratch.dz_joint, 2 * row * rules_.hidden);
      back.dstate = moved(scratch.dstate, row * rules_.hidden);
      back.dseen = scratch.dseen;
      joint = back.dz_joint;
      gru_step_back(rules_, step, back, call.stream);
      multiply(call, products_.back_new, back.dstate, new_weights(call, step.d),
               rules_.reset_behind ? scratch.dh : scratch.dseen);
      if (!rules_.reset_behind) {
        gru_seen_back(rules_, step, back, call.stream);
      }
    } else if (is(Cell::kLstm)) {
      lstm_step_back(rules_, step, back, call.stream);
    } else {
      rnn_step_back(rules_, step, back, call.stream);
    }
    multiply(call, products_.back, joint, weights(call, step.d), scratch.dh);
  }

  void give_gradients(const Call& call, std::int64_t d) const {
    const RecurrentScratch& scratch = call.scratch;
    const std::int64_t all = rules_.gate_rows(), hidden = rules_.hidden, states = rules_.states();
    const std::int64_t before = rules_.goes_back(d) ? states : 0;
    const bool gru = is(Cell::kGru);
    if (void* dw = output(call, kW)) {
      multiply(call, products_.dw, scratch.dz, call.x, moved(dw, d * all * rules_.inputs));
    }
    if (void* dr = moved(output(call, kR), d * all * hidden)) {
      const void* h = moved(call.tape.h, before);
      multiply(call, products_.dr, gru ? scratch.dz_joint : scratch.dz, h, dr);
      if (gru) {
        multiply(call, products_.dr_new, scratch.dstate, rules_.reset_behind ? h : call.tape.extra,
                 moved(dr, 2 * hidden * hidden));
      }
    }
    if (void* db = moved(output(call, kB), d * 2 * all)) {
      add_columns(call, 0, scratch.dz, db);
      if (gru) {
        add_columns(call, 1, scratch.dz_joint, moved(db, all));
        add_columns(call, 2, scratch.dstate, moved(db, all + 2 * hidden));
      } else {
        add_columns(call, 0, scratch.dz, moved(db, all));
      }
    }
    if (void* dx = output(call, kX)) {
      multiply(call, d == 0 ? products_.dx : products_.more_dx, scratch.dz, weights_of_x(call, d),
               rules_.gathers_dx() ? scratch.dx : dx);
    }
    if (void* dp = is(Cell::kLstm) ? moved(output(call, kP), d * 3 * hidden) : nullptr) {
      peephole_grad(rules_, scratch.dz, call.tape.c + before, call.tape.c + states - before, dp,
                    call.stream);
    }
  }

  void add_columns(const Call& call, int walk, const void* from, void* to) const {
    reduce(Reduction::kSum, rules_.dtype, columns_[walk], rows_[walk], from, to, call.stream);
  }

  CellRules rules_;
  OptionalTensors there_;
  bool backward_, has_tape_, keeps_tape_, copies_x_;
  RecurrentProducts products_;
  std::size_t direction_bytes_ = 0;  // of the tape
  Places<1> columns_[3], rows_[3];   // of dz; of its part for z and r; of the state's part
};

Support supports(const OpQuery& query) {
  const CellRules rules = rules_of(query);
  OpQuery floats = query;
  const auto leave_out = [](std::vector<TensorSpec>& specs, std::size_t i) {
    if (i < specs.size()) {
      specs[i] = {};
    }
  };
  leave_out(floats.inputs, kLengths);
  if (is_gradient(query)) {
    leave_out(floats.inputs, tape_input(rules));
  } else {
    leave_out(floats.outputs, tape_output(rules));
  }
  if (rules.rows() == 0 || rules.inputs == 0 || rules.hidden == 0) {
    return Support::no("a tensor has no elements");
  }
  // Gates bound what a state's rounding does to the next; without them it grows from step to step.
  return rules.is(Cell::kRnn) ? only_f32(floats) : one_float_type(floats);
}

}  // namespace

void register_recurrent(KernelTable& table) {
  for (const char* op : {"LSTM", "LSTMGrad", "GRU", "GRUGrad", "RNN", "RNNGrad"}) {
    add_row(table, op, supports, [](const OpQuery& query) -> std::unique_ptr<Kernel> {
      return std::make_unique<RecurrentKernel>(query);
    });
  }
}

}  // namespace temper::cuda
