// The batches of one optimizer step: one, or a group of micro-batches whose gradients accumulate.
#pragma once

#include <algorithm>
#include <cstdint>

#include "training/compile/training_graph.h"
#include "training/data/batch_loader.h"
#include "training/session/session.h"

namespace temper::training {

struct MicroBatches {
  std::int64_t count = 1;
  std::int64_t rows = 0;  // of all, where it accumulates
  bool accumulates = false;

  // Of a step on `batches` batches with so many rows in all, which are no part of an epoch.
  MicroBatches(const Recipe& recipe, std::int64_t batches, std::int64_t all_rows)
      : count(batches), rows(all_rows), accumulates(recipe.train.accumulate > 1) {}

  // Of the step that begins at a position. The last group of an epoch may be short.
  MicroBatches(const Session& session, const DataPosition& begin) {
    const Recipe& recipe = session.recipe();
    accumulates = recipe.train.accumulate > 1;
    if (accumulates) {
      const EpochBatches& epoch = session.data().epoch_batches();
      const std::int64_t done = epoch.index_of(begin.position);
      count = std::min(recipe.train.accumulate, epoch.count() - done);
      rows = epoch.rows(done, count);
    }
  }

  GraphKind kind_of(std::int64_t i) const {
    return !accumulates ? GraphKind::kTrain : i + 1 == count ? GraphKind::kLast : GraphKind::kMicro;
  }
};

}  // namespace temper::training
