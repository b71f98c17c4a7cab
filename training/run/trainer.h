// The training loop: steps, evaluation, logging, best and last model, checkpoints, resume,
// stopping. Threading: run() belongs to one thread; request_stop() may be called from any.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "training/records/run_observer.h"
#include "training/run/loading_watch.h"
#include "training/run/rehearsal.h"
#include "training/run/report_lag.h"
#include "training/run/run_outcome.h"
#include "training/session/evaluation.h"
#include "training/session/session.h"

namespace temper::training {

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
  LoadingSpeed loading;         // against what the steps took
  std::int64_t steps = 0;
  std::int64_t skipped = 0;
};

class Trainer {
 public:
  // `resume`: go on in recipe.train.out (a run directory) from its newest checkpoint.
  // `late`: steps that may be issued before the host looks at what the first of them gave, so that
  // a device need not wait for it; where the recipe lets it. Results do not depend on it.
  Trainer(Session& session, RunObserver& observer, bool resume,
          std::int64_t late = kLateAsSuitsTheDevice);
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
  void request_stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace temper::training
