// The readings of steps (plan.h), a chosen number of steps late: the host looks at a step's loss,
// norm and flags while the device works on later ones, so it never waits for the newest.
// Threading: one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/exec/executor.h"

namespace temper {

// What one step gave. Valid until the step_readings it came from takes another.
class StepReading {
 public:
  // Which push() it was, from 0.
  std::int64_t number() const { return number_; }
  const Plan& plan() const { return *plan_; }
  // Output `index` of the plan. REQUIRES: a reading.
  const Tensor& output(int index) const;
  template <class T>
  T value(int index) const {
    const Tensor& tensor = output(index);
    return visit_any(tensor.dtype(), [&]<class D>() {
      return convert_element<T>(*static_cast<const D*>(tensor.data()));
    });
  }

 private:
  friend class StepReadings;
  std::int64_t number_ = -1;
  const Plan* plan_ = nullptr;
  const Executor* executor_ = nullptr;
  std::shared_ptr<Buffer> block_;
  std::vector<Tensor> outputs_;  // views of the block
  Stream::Mark mark_ = 0;
};

class StepReadings {
 public:
  // Readings are given `late` steps after they were made; 0: at once.
  explicit StepReadings(int late);
  ~StepReadings();
  StepReadings(const StepReadings&) = delete;
  StepReadings& operator=(const StepReadings&) = delete;

  // Makes room for readings of this executor, so that no push() of it allocates any more, as long
  // as no other one is pushed.
  void reserve(const Executor& executor);
  // After executor.run(): queues the copy of its readings. The executor outlives what is read of
  // it.
  void push(const Executor& executor);
  // The oldest reading not taken, once more than `late` are on their way; null when there is none
  // yet. THROWS: as Executor::run(), where that could not yet.
  const StepReading* take();
  // The same without being late, for the end of a run and before anything that needs all steps
  // done.
  const StepReading* take_now();
  int waiting() const { return waiting_; }

 private:
  static void fit(StepReading& slot, const Executor& executor);

  std::vector<StepReading> slots_;
  Stream* stream_ = nullptr;
  std::int64_t pushed_ = 0;
  int late_;
  int waiting_ = 0;
};

}  // namespace temper
