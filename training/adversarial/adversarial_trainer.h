// Adversarial training: discriminator and generator steps by turns, pictures of samples, and all
// that a run of one model has of the loop. Threading: run() belongs to one thread;
// request_stop() may be called from any.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "training/records/run_observer.h"
#include "training/run/report_lag.h"
#include "training/run/run_outcome.h"
#include "training/session/adversarial_session.h"

namespace temper::training {

struct AdversarialResult {
  RunOutcome outcome = RunOutcome::kFinished;
  std::string run_directory;
  // Path of generator.onnx, written unless the run was interrupted.
  std::string generator;
  std::string discriminator;  // path of discriminator.onnx
  std::int64_t steps = 0;     // of the generator
  std::int64_t skipped = 0;   // steps of either model that were not finite
};

class AdversarialTrainer {
 public:
  // `resume`: go on in recipe.train.out (a run directory) from its newest checkpoint.
  // `late`: as Trainer's.
  AdversarialTrainer(AdversarialSession& session, RunObserver& observer, bool resume,
                     std::int64_t late = kLateAsSuitsTheDevice);
  ~AdversarialTrainer();

  // Compiles and allocates everything, without a step: for --dry-run.
  MemoryPlan prepare();
  // One iteration is `ratio` discriminator steps and one generator step; train.steps counts
  // iterations. THROWS: kDiverged, kIo, kInvalidModel, ... what was saved before stays.
  AdversarialResult run();
  // Ends the run after the current iteration, with a checkpoint.
  void request_stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace temper::training
