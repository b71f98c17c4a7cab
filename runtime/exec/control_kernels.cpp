#include "runtime/exec/control_kernels.h"

#include <array>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "runtime/base/dtype_visit.h"

namespace temper {
namespace {

std::size_t bytes_of(const TensorSpec& spec) { return static_cast<std::size_t>(spec.bytes()); }

// The states before each step, one behind the other.
struct Tape {
  std::vector<std::byte> bytes;
  std::int64_t steps = 0;
};

// What is known of one set of inputs: their tensors, bound to the body.
using Tensors = std::vector<Tensor>;

void copy(void* to, const void* from, std::size_t bytes) {
  if (bytes > 0) {
    std::memcpy(to, from, bytes);
  }
}

// Slice `place` of a tensor whose axis 0 counts steps.
std::byte* slice_of(void* tensor, std::int64_t place, std::size_t bytes) {
  return static_cast<std::byte*>(tensor) + static_cast<std::size_t>(place) * bytes;
}

// Per slice of a tensor [steps, ...].
std::size_t slice_bytes(const TensorSpec& spec) {
  const std::int64_t steps = spec.shape[0];
  return steps == 0 ? 0 : bytes_of(spec) / static_cast<std::size_t>(steps);
}

struct IterateState final : KernelState {
  IterateState(const BodyPlan& body, const Iteration& parts) : run(body), step(run.make_input(0)) {
    for (Tensors& set : states) {
      for (std::size_t i = 0; i < parts.states; ++i) {
        set.push_back(run.make_input(parts.body_state(i)));
      }
    }
    for (std::size_t i = 0; i < parts.sliced; ++i) {
      slices.push_back(run.make_input(parts.body_slice(i)));
    }
  }

  BodyRun run;
  Tensor step;
  std::array<Tensors, 2> states;  // a step reads one and writes the other
  Tensors slices;
  Tape tape;
};

class IterateKernel final : public Kernel {
 public:
  IterateKernel(const OpQuery& query, BodyPlan body)
      : parts_(Iteration::of(*query.attrs)),
        body_(std::move(body)),
        inputs_(query.inputs),
        outputs_(query.outputs) {
    kept_bytes = static_cast<std::size_t>(body_.bytes());
    opaque_bytes.assign(outputs_.size(), sizeof(Tape*));
    description = "runs its body";
  }

  std::unique_ptr<KernelState> bind(const KernelArgs&) const override {
    return std::make_unique<IterateState>(body_, parts_);
  }

  void run(const KernelArgs& args) const override {
    auto& s = args.state_as<IterateState>();
    for (std::size_t i = 0; i < parts_.captures; ++i) {
      s.run.bind(parts_.body_capture(i), args.inputs[parts_.capture(i)]);
    }
    for (std::size_t i = 0; i < parts_.states; ++i) {
      copy(s.states[0][i].data(), args.inputs[parts_.state(i)], bytes_of(state_spec(i)));
    }
    const bool tapes = parts_.tape() < outputs_.size() && outputs_[parts_.tape()].present();
    s.tape.bytes.clear();
    const void* most_at = args.inputs[Iteration::kMost];
    const std::int64_t most = parts_.steps >= 0    ? parts_.steps
                              : most_at != nullptr ? *static_cast<const std::int64_t*>(most_at)
                                                   : std::numeric_limits<std::int64_t>::max();
    const void* go = args.inputs[Iteration::kGo];
    bool holds = go == nullptr || *static_cast<const bool*>(go);
    std::int64_t step = 0;
    for (; holds && step < most; ++step) {
      TEMPER_CHECK(parts_.limit == 0 || step < parts_.limit, ErrorCode::kInvalidData,
                   too_many_steps(parts_.limit));
      holds = run_step(args, s, step, tapes);
    }
    const Tensors& last = s.states[static_cast<std::size_t>(step % 2)];
    for (std::size_t i = 0; i < parts_.states; ++i) {
      if (args.outputs[i] != nullptr) {
        copy(args.outputs[i], last[i].data(), bytes_of(state_spec(i)));
      }
    }
    if (tapes) {
      s.tape.steps = step;
      const Tape* tape = &s.tape;
      copy(args.outputs[parts_.tape()], &tape, sizeof tape);
    }
  }

 private:
  const TensorSpec& state_spec(std::size_t i) const { return inputs_[parts_.state(i)]; }

  // Whether there may be another.
  bool run_step(const KernelArgs& args, IterateState& s, std::int64_t step, bool tapes) const {
    const Tensors& from = s.states[static_cast<std::size_t>(step % 2)];
    Tensors& to = s.states[static_cast<std::size_t>((step + 1) % 2)];
    *s.step.span<std::int64_t>().data() = step;
    for (std::size_t i = 0; i < parts_.states; ++i) {
      s.run.bind(parts_.body_state(i), from[i]);
      if (tapes) {
        const auto* data = static_cast<const std::byte*>(from[i].data());
        s.tape.bytes.insert(s.tape.bytes.end(), data, data + bytes_of(state_spec(i)));
      }
    }
    for (std::size_t i = 0; i < parts_.sliced; ++i) {
      const std::size_t bytes = slice_bytes(inputs_[parts_.slice(i)]);
      const std::int64_t place = Iteration::place(parts_.backward_slices, i, step, parts_.steps);
      copy(s.slices[i].data(), slice_of(args.inputs[parts_.slice(i)], place, bytes), bytes);
    }
    s.run.run();
    for (std::size_t i = 0; i < parts_.states; ++i) {
      s.run.copy_output(i, to[i].data());
    }
    for (std::size_t i = 0; i < parts_.stacked; ++i) {
      const std::size_t out = parts_.stack(i);
      if (args.outputs[out] != nullptr) {
        const std::int64_t place = Iteration::place(parts_.backward_stacks, i, step, parts_.steps);
        s.run.copy_output(out, slice_of(args.outputs[out], place, slice_bytes(outputs_[out])));
      }
    }
    return !parts_.goes_on ||
           *static_cast<const bool*>(s.run.output(parts_.states + parts_.stacked).data());
  }

  const Iteration parts_;
  const BodyPlan body_;
  const std::vector<TensorSpec> inputs_, outputs_;
};

struct IterateGradState final : KernelState {
  IterateGradState(const BodyPlan& body, const IterationGradient& parts)
      : run(body), step(run.make_input(0)) {
    const Iteration& forward = parts.forward;
    for (std::size_t i = 0; i < forward.states; ++i) {
      states.push_back(run.make_input(forward.body_state(i)));
    }
    for (std::size_t i = 0; i < forward.sliced; ++i) {
      slices.push_back(run.make_input(forward.body_slice(i)));
    }
    for (Tensors& set : state_gradients) {
      for (std::size_t i = 0; i < parts.float_states.size(); ++i) {
        set.push_back(run.make_input(parts.body_state_gradient(i)));
      }
    }
    for (std::size_t i = 0; i < parts.given_stacks.size(); ++i) {
      stack_gradients.push_back(run.make_input(parts.body_stack_gradient(i)));
    }
    sums.resize(parts.asked_captures.size());
  }

  BodyRun run;
  Tensor step;
  Tensors states, slices, stack_gradients;
  std::array<Tensors, 2> state_gradients;
  std::vector<std::vector<float>> sums;  // of captures of 16 bits, over the steps
};

class IterateGradKernel final : public Kernel {
 public:
  IterateGradKernel(const OpQuery& query, BodyPlan body)
      : parts_(IterationGradient::of(*query.attrs)),
        body_(std::move(body)),
        inputs_(query.inputs),
        outputs_(query.outputs) {
    kept_bytes = static_cast<std::size_t>(body_.bytes());
    description = "runs the gradient of its body";
  }

  std::unique_ptr<KernelState> bind(const KernelArgs&) const override {
    return std::make_unique<IterateGradState>(body_, parts_);
  }

  void run(const KernelArgs& args) const override {
    auto& s = args.state_as<IterateGradState>();
    const Iteration& forward = parts_.forward;
    const Tape* tape = nullptr;
    copy(&tape, args.inputs[0], sizeof tape);
    for (std::size_t i = 0; i < forward.captures; ++i) {
      s.run.bind(forward.body_capture(i), args.inputs[parts_.capture(i)]);
    }
    for (std::size_t i = 0; i < parts_.float_states.size(); ++i) {
      Tensor& gradient = s.state_gradients[0][i];
      const void* given = args.inputs[parts_.state_gradient(i)];
      const auto bytes = static_cast<std::size_t>(gradient.bytes());
      given != nullptr ? copy(gradient.data(), given, bytes)
                       : static_cast<void>(std::memset(gradient.data(), 0, bytes));
    }
    for (std::size_t i = 0; i < parts_.asked_captures.size(); ++i) {
      const std::size_t out = parts_.capture_output(i);
      if (is_short(out)) {
        s.sums[i].assign(static_cast<std::size_t>(outputs_[out].shape.element_count()), 0.0f);
      } else {
        std::memset(args.outputs[out], 0, bytes_of(outputs_[out]));
      }
    }
    const std::size_t row =
        tape->steps == 0 ? 0 : tape->bytes.size() / static_cast<std::size_t>(tape->steps);
    for (std::int64_t done = 0; done < tape->steps; ++done) {
      const std::int64_t step = tape->steps - 1 - done;
      run_step(args, s, step, done, tape->bytes.data() + static_cast<std::size_t>(step) * row);
    }
    const Tensors& last = s.state_gradients[static_cast<std::size_t>(tape->steps % 2)];
    for (std::size_t i = 0; i < parts_.float_states.size(); ++i) {
      if (args.outputs[i] != nullptr) {
        copy(args.outputs[i], last[i].data(), static_cast<std::size_t>(last[i].bytes()));
      }
    }
    for (std::size_t i = 0; i < parts_.asked_captures.size(); ++i) {
      const std::size_t out = parts_.capture_output(i);
      if (is_short(out)) {
        visit_any_float(outputs_[out].dtype, [&]<class T>() {
          T* to = static_cast<T*>(args.outputs[out]);
          for (std::size_t k = 0; k < s.sums[i].size(); ++k) {
            to[k] = static_cast<T>(s.sums[i][k]);
          }
        });
      }
    }
  }

 private:
  bool is_short(std::size_t out) const { return size_of(outputs_[out].dtype) == 2; }

  void run_step(const KernelArgs& args, IterateGradState& s, std::int64_t step, std::int64_t done,
                const std::byte* states) const {
    const Iteration& forward = parts_.forward;
    const Tensors& from = s.state_gradients[static_cast<std::size_t>(done % 2)];
    Tensors& to = s.state_gradients[static_cast<std::size_t>((done + 1) % 2)];
    *s.step.span<std::int64_t>().data() = step;
    for (Tensor& state : s.states) {
      const auto bytes = static_cast<std::size_t>(state.bytes());
      copy(state.data(), states, bytes);
      states += bytes;
    }
    for (std::size_t i = 0; i < forward.sliced; ++i) {
      const std::size_t bytes = slice_bytes(inputs_[parts_.slice(i)]);
      const std::int64_t place = Iteration::place(forward.backward_slices, i, step, forward.steps);
      copy(s.slices[i].data(), slice_of(args.inputs[parts_.slice(i)], place, bytes), bytes);
    }
    for (std::size_t i = 0; i < parts_.float_states.size(); ++i) {
      s.run.bind(parts_.body_state_gradient(i), from[i]);
    }
    for (std::size_t i = 0; i < parts_.given_stacks.size(); ++i) {
      const std::size_t in = parts_.stack_gradient(i);
      const std::size_t bytes = slice_bytes(inputs_[in]);
      const auto stack = static_cast<std::size_t>(parts_.given_stacks[i]);
      const std::int64_t place =
          Iteration::place(forward.backward_stacks, stack, step, forward.steps);
      copy(s.stack_gradients[i].data(), slice_of(args.inputs[in], place, bytes), bytes);
    }
    s.run.run();
    for (std::size_t i = 0; i < parts_.float_states.size(); ++i) {
      s.run.copy_output(i, to[i].data());
    }
    for (std::size_t i = 0; i < parts_.asked_slices.size(); ++i) {
      const std::size_t out = parts_.slice_output(i);
      const auto slice = static_cast<std::size_t>(parts_.asked_slices[i]);
      const std::int64_t place =
          Iteration::place(forward.backward_slices, slice, step, forward.steps);
      s.run.copy_output(out, slice_of(args.outputs[out], place, slice_bytes(outputs_[out])));
    }
    for (std::size_t i = 0; i < parts_.asked_captures.size(); ++i) {
      const std::size_t out = parts_.capture_output(i);
      visit_any_float(outputs_[out].dtype, [&]<class T>() {
        using Sum = std::conditional_t<sizeof(T) == 2, float, T>;
        const auto* part = static_cast<const T*>(s.run.output(out).data());
        auto* sum = static_cast<Sum*>(is_short(out) ? static_cast<void*>(s.sums[i].data())
                                                    : args.outputs[out]);
        for (std::int64_t k = 0; k < outputs_[out].shape.element_count(); ++k) {
          sum[k] += static_cast<Sum>(part[k]);
        }
      });
    }
  }

  const IterationGradient parts_;
  const BodyPlan body_;
  const std::vector<TensorSpec> inputs_, outputs_;
};

struct BranchState final : KernelState {
  BranchState(const BodyPlan& on_true, const BodyPlan& on_false)
      : bodies{BodyRun(on_true), BodyRun(on_false)} {}

  std::array<BodyRun, 2> bodies;
};

class BranchKernel final : public Kernel {
 public:
  BranchKernel(const OpQuery& query, BodyPlan on_true, BodyPlan on_false)
      : on_true_(std::move(on_true)),
        on_false_(std::move(on_false)),
        input_count_(query.inputs.size()),
        output_count_(query.outputs.size()) {
    kept_bytes = static_cast<std::size_t>(on_true_.bytes() + on_false_.bytes());
    description = "runs one of its bodies";
  }

  std::unique_ptr<KernelState> bind(const KernelArgs&) const override {
    return std::make_unique<BranchState>(on_true_, on_false_);
  }

  void run(const KernelArgs& args) const override {
    auto& s = args.state_as<BranchState>();
    BodyRun& body = s.bodies[*static_cast<const bool*>(args.inputs[0]) ? 0 : 1];
    for (std::size_t i = 1; i < input_count_; ++i) {
      body.bind(i - 1, args.inputs[i]);
    }
    body.run();
    for (std::size_t i = 0; i < output_count_; ++i) {
      if (args.outputs[i] != nullptr) {
        body.copy_output(i, args.outputs[i]);
      }
    }
  }

 private:
  const BodyPlan on_true_, on_false_;
  const std::size_t input_count_, output_count_;
};

}  // namespace

std::unique_ptr<Kernel> make_iterate_kernel(const OpQuery& query, BodyPlan body) {
  return std::make_unique<IterateKernel>(query, std::move(body));
}

std::unique_ptr<Kernel> make_iterate_gradient_kernel(const OpQuery& query, BodyPlan body) {
  return std::make_unique<IterateGradKernel>(query, std::move(body));
}

std::unique_ptr<Kernel> make_branch_kernel(const OpQuery& query, BodyPlan on_true,
                                           BodyPlan on_false) {
  return std::make_unique<BranchKernel>(query, std::move(on_true), std::move(on_false));
}

}  // namespace temper
