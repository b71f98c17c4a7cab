// Steps of training that leave nothing behind: what the rate finder and the diagnosis run.
#pragma once

#include <cstdint>
#include <functional>

#include "runtime/exec/executor.h"
#include "training/compile/graph_ports.h"

namespace temper::training {

struct RunContext;
class TrainSteps;

// How the rate rises over a rehearsal, from its first step to its last.
struct RateSweep {
  double from = 0;
  double to = 0;
  bool linear = false;  // by equal differences; else by equal factors
};

// A step of a rehearsal, after it was done.
struct RehearsedStep {
  std::int64_t step = 0;  // 0-based
  double lr = 0;
  double loss = 0;
  double grad_norm = 0;
  bool applied = true;  // false: skipped, as something was not finite
  // Its plan's outputs, until the next step; of the last micro-batch when gradients accumulate.
  Executor& executor;
  const GraphPorts& ports;  // where they are
};
// False ends the rehearsal.
using StepWatcher = std::function<bool(const RehearsedStep&)>;

// As Trainer::rehearse(). `context`: of the steps.
void rehearse(TrainSteps& steps, const RunContext& context, std::int64_t count,
              const RateSweep* sweep, const StepWatcher& watcher);

}  // namespace temper::training
