// Loss and metrics over a whole set.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "training/data/batch_loader.h"
#include "training/metrics/set_metrics.h"
#include "training/session/session.h"

namespace temper::training {

struct Evaluation {
  double loss = 0;  // of the set, whatever its batches: see LossTotals
  std::int64_t samples = 0;
  std::string trouble;               // why the loss is not finite, where that is known
  std::vector<MetricValue> metrics;  // without "val/"; what could not be computed is not there

  std::optional<double> metric(std::string_view name) const {
    for (const MetricValue& metric : metrics) {
      if (metric.name == name) {
        return metric.value;
      }
    }
    return std::nullopt;
  }
};

// Runs the evaluation plan over every batch of `loader` (a single epoch) and gathers `set`.
Evaluation evaluate(Session& session, BatchLoader& loader, SetMetrics& set);

// The same with the weights of a model file of the session's architecture, on the validation rows;
// the session's own weights come back. THROWS: kIo, kInvalidModel.
Evaluation evaluate_file(Session& session, const std::string& model, SetMetrics& set);

// Compiles what it takes and evaluates on all training rows, or on the validation rows, in batches
// of the recipe's size. REQUIRES: a session that nothing was run on yet.
Evaluation evaluate_training_rows(Session& session, SetMetrics& set);
Evaluation evaluate_validation_rows(Session& session, SetMetrics& set);

}  // namespace temper::training
