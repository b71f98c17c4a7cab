// The loop of adversarial training: discriminator and generator steps by turns, logs, pictures of
// samples, checkpoints, exact resume, stopping. Threading: run() belongs to one thread;
// request_stop() may be called from any.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "training/records/run_observer.h"
#include "training/run/trainer.h"
#include "training/session/adversarial_session.h"

namespace temper::training {

struct AdversarialResult {
  RunOutcome outcome = RunOutcome::kFinished;
  std::string run_directory;
  std::string generator;      // path of generator.onnx, written when the run has finished
  std::string discriminator;  // path of discriminator.onnx
  std::int64_t steps = 0;     // of the generator
  std::int64_t skipped = 0;   // steps of either model that were not finite
};

class AdversarialTrainer {
 public:
  // `resume`: go on in recipe.train.out (a run directory) from its newest checkpoint.
  AdversarialTrainer(AdversarialSession& session, RunObserver& observer, bool resume);
  ~AdversarialTrainer();

  // Compiles and allocates everything, without a step: for --dry-run.
  MemoryPlan prepare();
  // One iteration is `ratio` discriminator steps and one generator step; train.steps counts
  // iterations. THROWS: kDiverged, kIo, kInvalidModel, ... what was saved before stays.
  AdversarialResult run();
  // Ends the run after the current iteration, with a checkpoint.
  void request_stop() { stop_.store(true, std::memory_order_relaxed); }

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  std::atomic<bool> stop_{false};
};

}  // namespace temper::training
