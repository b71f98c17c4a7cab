// The loss of a set: sums of its batches, read off their plans, and what follows from them. It does
// not depend on the batches' sizes. Threading: const members from any thread.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "runtime/exec/executor.h"
#include "runtime/exec/step_readings.h"
#include "training/compile/loss_graph.h"
#include "training/metrics/set_metrics.h"

namespace temper::training {

class LossTotals {
 public:
  LossTotals() = default;
  // `plan`: any of those whose batches will be added.
  LossTotals(const CompileSettings& settings, bool training, const Plan& plan);

  // Which outputs of a plan hold the sums of each part; -1 where it has none.
  std::vector<int> places(const Plan& plan) const;
  // Adds the sums of the batch that was run last to `totals`, which begin empty or as this left
  // them. `places`: of the executor's plan. Allocates nothing once `totals` hold numbers.
  void add(const Executor& executor, std::span<const int> places,
           std::vector<double>& totals) const;
  // The same of a batch whose sums are readings.
  void add(const StepReading& reading, std::span<const int> places,
           std::vector<double>& totals) const;
  // Whether anything counts; of nothing there is no mean.
  bool any(std::span<const double> totals) const;
  // NaN where nothing counts; a part of which nothing counts is left out.
  double loss(std::span<const double> totals) const;
  // "loss/LABEL" of each part, before its factor; empty for a loss of one part.
  std::vector<MetricValue> parts(std::span<const double> totals) const;

 private:
  // `output(place)`: the tensor of sums.
  template <class Output>
  void add_from(const Output& output, std::span<const int> places,
                std::vector<double>& totals) const;

  struct Part {
    LossPartForm of;
    std::size_t size = 0;
  };
  std::vector<Part> parts_;
};

}  // namespace temper::training
