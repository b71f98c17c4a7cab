// Loss and accuracy over a whole set.
#pragma once

#include <cstdint>

#include "training/data/batch_loader.h"
#include "training/metrics/accuracy.h"
#include "training/session.h"

namespace temper::training {

struct Evaluation {
  double loss = 0;  // mean over all samples
  AccuracyCount accuracy;
  bool has_accuracy = false;  // classification losses only
  std::int64_t samples = 0;
};

// Whether right predictions can be counted: the loss is a classification's.
bool counts_accuracy(const Loss& loss);

// Counts right predictions of one batch, when the session's loss is a classification.
bool count_batch(const Session& session, Executor& executor, const Batch& batch,
                 AccuracyCount& count);

// Runs the evaluation plan over every batch of `loader` (a single epoch).
Evaluation evaluate(Session& session, BatchLoader& loader);

// Compiles what it takes and evaluates on all training rows, in batches of the recipe's size.
// REQUIRES: a session that nothing was run on yet.
Evaluation evaluate_training_rows(Session& session);

}  // namespace temper::training
