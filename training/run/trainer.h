// The training loop: steps, evaluation, logging, best and last model, checkpoints, resume,
// stopping. Threading: run() belongs to one thread; request_stop() may be called from any.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "training/records/checkpoint.h"
#include "training/records/run_observer.h"
#include "training/session/evaluation.h"
#include "training/session/session.h"

namespace temper::training {

// How a run ended; to_string() gives "finished", "stopped early", ...
enum class RunOutcome {
  kFinished,
  kStoppedEarly,  // patience ran out
  kInterrupted,   // request_stop(): state saved, go on with resume
  kTimeIsUp,      // train.max_time: state saved and exported; a larger one and resume go on
  kSaveFailed,    // finished, but something could not be written (exit code 4)
};

std::string_view to_string(RunOutcome outcome);

struct RunResult {
  RunOutcome outcome = RunOutcome::kFinished;
  std::string run_directory;
  std::string best_model;  // path of best.onnx
  std::string last_model;
  double best_metric = 0;
  std::int64_t best_step = 0;
  std::string monitor;          // "val/accuracy"
  Evaluation final_evaluation;  // of the best model's weights when there is validation data
  bool has_evaluation = false;
  Evaluation given_evaluation;  // of the model before the first step; no samples: not evaluated
  std::string verdict;          // what to tell when training made the model no better; else empty
  std::int64_t steps = 0;
  std::int64_t skipped = 0;
};

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

class Trainer {
 public:
  // `resume`: go on in recipe.train.out (a run directory) from its newest checkpoint.
  Trainer(Session& session, RunObserver& observer, bool resume);
  ~Trainer();

  // Compiles and allocates everything, without a step: for --dry-run.
  MemoryPlan prepare();
  // The same for each stage of the run, one after another; one without [[train.stage]]. For
  // --dry-run: afterwards nothing can be run.
  std::vector<MemoryPlan> memory_of_stages();
  // THROWS: kDiverged, kIo, kInvalidModel, ... what was saved before stays.
  RunResult run();
  // Runs steps as run() would, from the session's values on, but with no folder, log, evaluation or
  // checkpoint. `sweep`: null for the recipe's schedule. REQUIRES: run() was not called.
  // THROWS: kDiverged as the recipe says.
  void rehearse(std::int64_t steps, const RateSweep* sweep, const StepWatcher& watcher);
  // Ends the run after the current step, with a checkpoint.
  void request_stop() { stop_.store(true, std::memory_order_relaxed); }

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  std::atomic<bool> stop_{false};
};

}  // namespace temper::training
