#include "runtime/exec/executor.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/memory/finite_values.h"

namespace temper {
namespace {

bool writes_variables(const PlanStep& step) {
  return std::any_of(step.outputs.begin(), step.outputs.end(), [](const Location& location) {
    return location.kind == Location::Kind::kVariable;
  });
}

}  // namespace

Executor::Executor(const Plan& plan, VariableStore& store, Arena& arena)
    : plan_(&plan), store_(&store), arena_(&arena) {
  TEMPER_ASSERT(&store.memory() == arena.memory_, "store and arena are of different memories");
  fault_buffer_ = memory().make_host_buffer(plan.steps.size() * sizeof(IndexFault), "index faults");
  faults_ = reinterpret_cast<IndexFault*>(fault_buffer_->data());
  std::uninitialized_default_construct_n(faults_, plan.steps.size());
  arena.reserve(plan);
  inputs_.resize(plan.inputs.size());
  const auto readings = static_cast<std::size_t>(plan.readings_bytes);
  readings_ = Buffer::allocate(readings, "the readings of a step", memory());
  if (!memory().is_host()) {
    host_readings_ = memory().make_host_buffer(readings, "the readings of a step");
    staged_ =
        std::make_unique<StagedInputs>(plan.inputs, memory(), stream(), arena.copies(stream()));
    for (const Tensor& constant : plan.constants) {
      constants_.push_back(arena.constant(constant, stream()));
    }
  }
  writes_variables_ = std::any_of(plan.steps.begin(), plan.steps.end(), writes_variables);
  arena.users_.push_back(this);
  bind();
}

Executor::~Executor() {
  try {
    stream().wait_all();  // what is queued uses what goes now
  } catch (const Error&) {
    // A device that failed: whatever asks it next says so.
  }
  std::erase(arena_->users_, this);
}

void Executor::unbind() {
  stream().wait_all();
  bound_ = false;
  has_run_ = false;
  settled_ = false;
  recording_.reset();
  steps_.clear();
  pointers_.clear();
  input_uses_.clear();
  outputs_.clear();
}

void Executor::bind() {
  input_uses_.resize(plan_->inputs.size());
  pointers_.reserve(plan_->steps.size() * 2);
  for (const PlanStep& step : plan_->steps) {
    for (const auto* locations : {&step.inputs, &step.outputs}) {
      auto& pointers = pointers_.emplace_back();
      pointers.resize(locations->size() + 1, nullptr);
      for (std::size_t i = 0; i < locations->size(); ++i) {
        const Location& location = (*locations)[i];
        if (location.kind == Location::Kind::kInput) {
          input_uses_[static_cast<std::size_t>(location.index)].push_back(&pointers[i]);
        }
        pointers[i] = address(location);
      }
    }
    const auto& outputs = pointers_[pointers_.size() - 1];
    const auto& inputs = pointers_[pointers_.size() - 2];
    KernelArgs args;
    args.inputs = inputs.data();
    args.outputs = outputs.data();
    args.workspace = address(step.workspace);
    args.fault = &faults_[steps_.size()];
    args.stream = &stream();
    std::unique_ptr<KernelState> state = step.kernel->bind(args);
    args.state = state.get();
    steps_.push_back({step.kernel.get(), args, std::move(state)});
  }
  bind_outputs();
  bound_ = true;
}

void Executor::bind_outputs() {
  is_read_.assign(plan_->outputs.size(), false);
  readings_read_ = false;
  for (const PlanPort& port : plan_->outputs) {
    Tensor& output = outputs_.emplace_back();
    const auto bytes = static_cast<std::size_t>(storage_bytes(port.dtype, port.shape, {}));
    if (port.location.kind == Location::Kind::kInput) {
      const Tensor& given = inputs_[static_cast<std::size_t>(port.location.index)];
      output = given.defined() ? given.reshaped(port.shape) : Tensor();
    } else if (memory().is_host()) {
      output = Tensor(port.dtype, port.shape, Layout{},
                      Buffer::wrap(address(port.location), bytes, owner(port.location)));
    } else if (port.reading >= 0) {
      output = Tensor(port.dtype, port.shape, Layout{}, host_readings_,
                      static_cast<std::size_t>(port.reading));
    }
  }
}

void* Executor::address(const Location& location) const {
  const auto index = static_cast<std::size_t>(location.index);
  const bool on_host = memory().is_host();
  switch (location.kind) {
    case Location::Kind::kArena:
      return arena_->data() + location.offset;
    case Location::Kind::kFlat:
      return arena_->flat() + location.offset;
    case Location::Kind::kVariable:
      return store_->address(location.index);
    case Location::Kind::kConstant:
      return on_host ? plan_->constants[index].address() : constants_[index]->address();
    case Location::Kind::kInput:
      return !on_host                   ? staged_->address(index)
             : inputs_[index].defined() ? inputs_[index].address()
                                        : nullptr;
    case Location::Kind::kReadings:
      return readings_->address() + location.offset;
    case Location::Kind::kNone:
      break;
  }
  return nullptr;
}

// What keeps a view of the host's memory alive.
std::shared_ptr<const void> Executor::owner(const Location& location) const {
  switch (location.kind) {
    case Location::Kind::kArena:
      return arena_->buffer_;
    case Location::Kind::kFlat:
      return arena_->flat_buffer_;
    case Location::Kind::kReadings:
      return readings_;
    default:
      return nullptr;  // the store or the plan, which outlive the executor
  }
}

void Executor::bind_input(int index, const Tensor& value) {
  const auto i = static_cast<std::size_t>(index);
  const PlanPort& port = plan_->inputs[i];
  TEMPER_ASSERT(value.layout().plain, "input ", port.name, " is given in another layout");
  TEMPER_CHECK(value.dtype() == port.dtype && value.element_count() == port.shape.element_count(),
               ErrorCode::kInvalidArgument, "input ", port.name, " is ", port.dtype, port.shape,
               ", given ", value.dtype(), value.shape());
  inputs_[i] = value;
  if (memory().is_host()) {
    for (std::size_t use = 0; bound_ && use < input_uses_[i].size(); ++use) {
      *input_uses_[i][use] = inputs_[i].address();
    }
  } else {
    staged_->give(i, value);
  }
  for (std::size_t o = 0; bound_ && o < outputs_.size(); ++o) {
    const PlanPort& output = plan_->outputs[o];
    if (output.location.kind == Location::Kind::kInput && output.location.index == index) {
      outputs_[o] = value.reshaped(output.shape);
    }
  }
}

// For all that was queued.
void Executor::wait() const {
  stream().wait_all();
  check_faults();
}

// Those that run() could not see, because the kernels ran later.
void Executor::check_faults() const {
  if (!memory().is_host()) {
    for (std::size_t i = 0; i < plan_->steps.size(); ++i) {
      if (faults_[i].noted()) {
        fail_index(i);
      }
    }
  }
}

void Executor::fail_index(std::size_t step) const {
  IndexFault& fault = faults_[step];
  fault.clear();  // reported; the next run is another one
  fail(ErrorCode::kInvalidData, plan_->steps[step].origin, " got the index ", fault.index(),
       ", expected ", fault.low(), " to ", fault.high() - 1,
       ": the model computed it from its inputs, or it stands in them");
}

// What every way to run the plan does first.
void Executor::begin_run() {
  if (!bound_) [[unlikely]] {
    bind();
  }
  if (staged_ != nullptr) {
    staged_->queue();
  }
  run_settled_steps();
}

// Where what they gave is not there any more.
void Executor::run_settled_steps() {
  if (settled_ && arena_->last_ == this && settled_changes_ == store_->changes_) {
    return;
  }
  arena_->last_ = this;
  for (std::size_t i = 0; i < plan_->settled_steps; ++i) {
    run_step(i);
  }
  settled_changes_ = store_->changes_;
  settled_ = true;
}

// This plan's own changes are none to what it has settled, but to what other plans have.
void Executor::end_run() {
  if (writes_variables_) {
    settled_changes_ = ++store_->changes_;
  }
  forget_read();
}

void Executor::run() {
  begin_run();
  if (has_run_ && recording_ == nullptr) {
    recording_ = stream().record([this] { queue_run(); });
  }
  if (recording_ != nullptr) {
    recording_->replay();
  } else {
    queue_run();
  }
  has_run_ = true;
  end_run();
}

void Executor::run_step(std::size_t step) {
  try {
    steps_[step].kernel->run(steps_[step].args);
  } catch (Error& error) {
    error.add_note(concat("in ", plan_->steps[step].origin));
    throw;
  }
  if (faults_[step].noted()) [[unlikely]] {
    fail_index(step);
  }
}

void Executor::queue_run() {
  for (std::size_t i = plan_->settled_steps; i < steps_.size(); ++i) {
    run_step(i);
  }
  queue_readings();
}

void Executor::run_profiled(std::vector<double>& seconds) {
  begin_run();
  seconds.resize(steps_.size(), 0.0);
  for (std::size_t i = plan_->settled_steps; i < steps_.size(); ++i) {
    stream().wait_all();
    const auto began = std::chrono::steady_clock::now();
    steps_[i].kernel->run(steps_[i].args);
    stream().wait_all();
    seconds[i] += std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    if (faults_[i].noted()) [[unlikely]] {
      fail_index(i);
    }
  }
  queue_readings();
  end_run();
}

// Readings that are variables, so not in the block by themselves, come to the others.
void Executor::queue_readings() {
  for (const PlanPort& port : plan_->outputs) {
    if (port.reading >= 0 && port.location.kind != Location::Kind::kReadings) {
      const auto bytes = static_cast<std::size_t>(storage_bytes(port.dtype, port.shape, {}));
      memory().copy_within(readings_->address() + port.reading,
                           static_cast<const std::byte*>(address(port.location)), bytes, stream());
    }
  }
}

void Executor::forget_read() {
  readings_read_ = false;
  is_read_.assign(is_read_.size(), false);
}

void Executor::copy_readings(void* to) const {
  memory().copy_out(to, readings_->address(), readings_->bytes(), stream());
}

const Tensor& Executor::read_output(int index) const {
  TEMPER_ASSERT(bound_, "an output is read after its memory went");
  const auto i = static_cast<std::size_t>(index);
  const PlanPort& port = plan_->outputs[i];
  if (memory().is_host() || port.location.kind == Location::Kind::kInput) {
    wait();
    return outputs_[i];
  }
  if (port.reading >= 0) {
    if (!readings_read_) {
      copy_readings(host_readings_->data());
      wait();
      readings_read_ = true;
    }
    return outputs_[i];
  }
  if (!is_read_[i]) {
    const auto bytes = static_cast<std::size_t>(storage_bytes(port.dtype, port.shape, {}));
    if (!outputs_[i].defined()) {
      outputs_[i] =
          Tensor(port.dtype, port.shape, Layout{}, memory().make_host_buffer(bytes, "an output"));
    }
    memory().copy_out(outputs_[i].data(), static_cast<const std::byte*>(address(port.location)),
                      bytes, stream());
    wait();
    is_read_[i] = true;
  }
  return outputs_[i];
}

bool Executor::outputs_finite(std::size_t step) const {
  const PlanStep& planned = plan_->steps[step];
  for (std::size_t j = 0; j < planned.outputs.size(); ++j) {
    const TensorSpec& spec = planned.output_specs[j];
    const auto* data = static_cast<const std::byte*>(steps_[step].args.outputs[j]);
    if (data == nullptr || (spec.dtype != DType::kFloat32 && spec.dtype != DType::kFloat64)) {
      continue;
    }
    std::shared_ptr<Buffer> copy;
    if (!memory().is_host()) {
      copy = Buffer::allocate(static_cast<std::size_t>(spec.bytes()), "a value to look at");
      memory().copy_out(copy->data(), data, copy->bytes(), stream());
      data = copy->data();
    }
    stream().wait_all();
    if (!all_finite(spec.dtype, data, storage_elements(spec.shape, spec.layout))) {
      return false;
    }
  }
  return true;
}

int Executor::first_non_finite_step() {
  begin_run();
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    if (writes_variables(plan_->steps[i])) {
      continue;
    }
    steps_[i].kernel->run(steps_[i].args);
    if (!outputs_finite(i)) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

}  // namespace temper
