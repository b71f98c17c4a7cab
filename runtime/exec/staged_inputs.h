// The inputs of an executor on a device. Kernels, and with them a step that the device repeats,
// find them at one address for good. What the host hands over goes to one of two other blocks, by a
// stream of its own, and from there to its address when the step is queued: so the batch of the
// next step comes in while this one is computed, and the host waits for neither. Threading: one
// thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/exec/plan.h"
#include "runtime/memory/buffer.h"
#include "runtime/memory/device_memory.h"
#include "runtime/memory/tensor.h"

namespace temper {

class StagedInputs {
 public:
  // `copies`: a stream beside `compute`; null: there is none, and all goes through `compute`. All
  // three outlive this.
  StagedInputs(const std::vector<PlanPort>& inputs, DeviceMemory& memory, Stream& compute,
               Stream* copies);
  ~StagedInputs();
  // What all blocks take where there is a stream beside `compute`.
  static std::int64_t bytes_of(const std::vector<PlanPort>& inputs);
  StagedInputs(const StagedInputs&) = delete;
  StagedInputs& operator=(const StagedInputs&) = delete;

  // Where kernels find input `index`.
  void* address(std::size_t index) const { return inputs_[index].place->address(); }
  // What input `index` is from the coming step on; may be overwritten as soon as this returns.
  void give(std::size_t index, const Tensor& value);
  // Before a step is queued: what was given since the last one goes to its address.
  void queue();

 private:
  struct Input {
    std::size_t bytes = 0;
    std::shared_ptr<Buffer> place;
    std::array<std::shared_ptr<Buffer>, 2> landing;
    bool is_given = false;
  };
  // Landing places of the same number, for one step after another.
  struct Turn {
    std::unique_ptr<Stream::Point> arrived;  // in `copies`
    std::unique_ptr<Stream::Point> emptied;  // in `compute`
  };

  DeviceMemory& memory_;
  Stream& compute_;
  Stream* copies_;
  std::vector<Input> inputs_;
  std::array<Turn, 2> turns_;
  std::size_t turn_ = 0;  // whose landing places the coming step's inputs take
  bool any_given_ = false;
};

}  // namespace temper
