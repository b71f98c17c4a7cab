// The training loop: steps, evaluation, logging, best and last model, checkpoints, resume,
// stopping. Threading: run() belongs to one thread; request_stop() may be called from any.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "training/checkpoint.h"
#include "training/evaluation.h"
#include "training/run_observer.h"
#include "training/session.h"

namespace temper::training {

enum class RunOutcome {
  kFinished,
  kStoppedEarly,  // patience ran out
  kInterrupted,   // request_stop(): state saved, go on with resume
  kSaveFailed,    // finished, but something could not be written (exit code 4)
};

struct RunResult {
  RunOutcome outcome = RunOutcome::kFinished;
  std::string run_directory;
  std::string best_model;  // path of best.onnx
  std::string last_model;
  double best_metric = 0;
  std::string monitor;          // "val/accuracy"
  Evaluation final_evaluation;  // of the best model's weights when there is validation data
  bool has_evaluation = false;
  std::int64_t steps = 0;
  std::int64_t skipped = 0;
};

class Trainer {
 public:
  // `resume`: go on in recipe.train.out (a run directory) from its newest checkpoint.
  Trainer(Session& session, RunObserver& observer, bool resume);
  ~Trainer();

  // Compiles and allocates everything, without a step: for --dry-run.
  MemoryPlan prepare();
  // THROWS: kDiverged, kIo, kInvalidModel, ... what was saved before stays.
  RunResult run();
  // Ends the run after the current step, with a checkpoint.
  void request_stop() { stop_.store(true, std::memory_order_relaxed); }

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  std::atomic<bool> stop_{false};
};

}  // namespace temper::training
