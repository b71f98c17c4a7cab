#include "runtime/exec/staged_inputs.h"

#include <tuple>

#include "runtime/base/error.h"

namespace temper {

StagedInputs::StagedInputs(const std::vector<PlanPort>& inputs, DeviceMemory& memory,
                           Stream& compute, Stream* copies)
    : memory_(memory), compute_(compute), copies_(copies) {
  for (const PlanPort& port : inputs) {
    Input& input = inputs_.emplace_back();
    input.bytes = static_cast<std::size_t>(storage_bytes(port.dtype, port.shape, {}));
    input.place = Buffer::allocate(input.bytes, "an input", memory);
    for (auto& landing : input.landing) {
      landing =
          copies == nullptr ? nullptr : Buffer::allocate(input.bytes, "an input to come", memory);
    }
  }
  for (Turn& turn : turns_) {
    if (copies != nullptr) {
      turn.arrived = copies->make_point();
      turn.emptied = compute.make_point();
    }
  }
}

std::int64_t StagedInputs::bytes_of(const std::vector<PlanPort>& inputs) {
  std::int64_t bytes = 0;
  for (const PlanPort& port : inputs) {
    constexpr std::int64_t kBlocks = 1 + std::tuple_size_v<decltype(Input::landing)>;
    bytes += kBlocks * storage_bytes(port.dtype, port.shape, {});
  }
  return bytes;
}

StagedInputs::~StagedInputs() {
  try {
    if (any_given_ && copies_ != nullptr) {  // no step waits for what is still coming in
      copies_->wait_all();
    }
  } catch (const Error&) {
    // A device that failed: whatever asks it next says so.
  }
}

void StagedInputs::give(std::size_t index, const Tensor& value) {
  Input& input = inputs_[index];
  if (copies_ == nullptr) {
    memory_.copy_in(input.place->address(), value.data(), input.bytes, compute_);
    return;
  }
  if (!any_given_) {
    copies_->follow(*turns_[turn_].emptied);  // the step before the last may not have taken them
    any_given_ = true;
  }
  memory_.copy_in(input.landing[turn_]->address(), value.data(), input.bytes, *copies_);
  input.is_given = true;
}

void StagedInputs::queue() {
  if (!any_given_) {
    return;
  }
  Turn& turn = turns_[turn_];
  copies_->set(*turn.arrived);
  compute_.follow(*turn.arrived);
  for (Input& input : inputs_) {
    if (input.is_given) {
      memory_.copy_within(input.place->address(), input.landing[turn_]->address(), input.bytes,
                          compute_);
      input.is_given = false;
    }
  }
  compute_.set(*turn.emptied);
  turn_ = 1 - turn_;
  any_given_ = false;
}

}  // namespace temper
