#include "runtime/exec/step_readings.h"

#include "runtime/base/error.h"

namespace temper {

const Tensor& StepReading::output(int index) const {
  const Tensor& tensor = outputs_.at(static_cast<std::size_t>(index));
  TEMPER_ASSERT(tensor.defined(), "output ", index, " is no reading");
  return tensor;
}

// One slot more than are late: what was taken stays whole while the next step is pushed.
StepReadings::StepReadings(int late) : slots_(static_cast<std::size_t>(late) + 2), late_(late) {}

StepReadings::~StepReadings() {
  try {
    if (waiting_ > 0) {  // copies on their way go to the slots
      stream_->wait_all();
    }
  } catch (const Error&) {
    // A device that failed: whatever asks it next says so.
  }
}

// The slot holds a block for the executor's readings, and its outputs are views of it.
void StepReadings::fit(StepReading& slot, const Executor& executor) {
  const Plan& plan = executor.plan();
  const auto bytes = static_cast<std::size_t>(plan.readings_bytes);
  if (slot.block_ == nullptr || slot.block_->bytes() < bytes) {
    slot.block_ = executor.memory().make_host_buffer(bytes, "the readings of a step");
    slot.plan_ = nullptr;
  }
  if (slot.plan_ != &plan) {
    slot.plan_ = &plan;
    slot.outputs_.clear();
    for (const PlanPort& port : plan.outputs) {
      slot.outputs_.push_back(port.reading < 0
                                  ? Tensor()
                                  : Tensor(port.dtype, port.shape, Layout{}, slot.block_,
                                           static_cast<std::size_t>(port.reading)));
    }
  }
}

void StepReadings::reserve(const Executor& executor) {
  TEMPER_ASSERT(waiting_ == 0, waiting_, " readings were not taken");
  for (StepReading& slot : slots_) {
    fit(slot, executor);
  }
}

void StepReadings::push(const Executor& executor) {
  TEMPER_ASSERT(waiting_ <= late_, waiting_, " readings were not taken");
  StepReading& slot = slots_[static_cast<std::size_t>(pushed_) % slots_.size()];
  slot.number_ = pushed_++;
  fit(slot, executor);
  slot.executor_ = &executor;
  executor.copy_readings(slot.block_->data());
  stream_ = &executor.stream();
  slot.mark_ = stream_->mark();
  ++waiting_;
}

const StepReading* StepReadings::take() { return waiting_ > late_ ? take_now() : nullptr; }

const StepReading* StepReadings::take_now() {
  if (waiting_ == 0) {
    return nullptr;
  }
  const StepReading& oldest = slots_[static_cast<std::size_t>(pushed_ - waiting_) % slots_.size()];
  stream_->wait(oldest.mark_);
  --waiting_;
  oldest.executor_->check_faults();
  return &oldest;
}

}  // namespace temper
