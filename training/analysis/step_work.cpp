#include "training/analysis/step_work.h"

#include <algorithm>

#include "backends/cuda/emulated/emulated_device.h"
#include "runtime/exec/step_readings.h"

namespace temper::training {

StepWork work_of(const Plan& plan) {
  StepWork work;
  work.kernels = static_cast<std::int64_t>(plan.steps.size());
  for (const PlanStep& step : plan.steps) {
    work.bytes_read += step.bytes_read;
    work.bytes_written += step.bytes_written;
    work.workspace_bytes =
        std::max(work.workspace_bytes, static_cast<std::int64_t>(step.kernel->workspace_bytes));
  }
  for (const PlanPort& input : plan.inputs) {
    work.bytes_in += storage_bytes(input.dtype, input.shape, {});
  }
  work.bytes_out = plan.readings_bytes;
  work.arena_bytes = plan.arena_bytes;
  return work;
}

CountedWork count_work(Executor& executor) {
  constexpr int kLate = 2;
  constexpr int kBefore = 5;  // steps: the first ones make the graph and fill the queue
  const emulated::OnlyCounting only_counting;
  std::vector<Tensor> inputs;
  for (const PlanPort& port : executor.plan().inputs) {
    inputs.emplace_back(port.dtype, port.shape);
  }
  StepReadings readings(kLate);
  readings.reserve(executor);
  const auto step = [&] {
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      executor.bind_input(static_cast<int>(i), inputs[i]);
    }
    executor.run();
    readings.push(executor);
    readings.take();
  };
  const emulated::DeviceCounts first = emulated::device_counts();
  for (int i = 0; i < kBefore; ++i) {
    step();
  }
  const emulated::DeviceCounts before = emulated::device_counts();
  step();
  const emulated::DeviceCounts after = emulated::device_counts();
  const auto signed_count = [](std::uint64_t count) { return static_cast<std::int64_t>(count); };
  CountedWork work;
  const std::uint64_t libraries = after.captured_libraries - first.captured_libraries;
  work.library_calls = signed_count(libraries);
  work.kernels = signed_count(after.captured - first.captured - libraries);
  work.copies = signed_count(after.captured_copies - first.captured_copies);
  work.replays = signed_count(after.replays - before.replays);
  work.host_launches = signed_count(after.launches - before.launches);
  work.host_copies = signed_count(after.copies - before.copies);
  const std::uint64_t late = after.late_waits - before.late_waits;
  work.host_waits = signed_count(after.waits - before.waits - late);
  work.allocations = signed_count(after.allocations - before.allocations);
  work.bytes_in = signed_count(after.bytes_in - before.bytes_in);
  work.bytes_out = signed_count(after.bytes_out - before.bytes_out);
  while (readings.take_now() != nullptr) {
  }
  return work;
}

}  // namespace temper::training
