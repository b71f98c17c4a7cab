// Which metrics a session's loss and output allow, and the counting of them batch by batch.
#pragma once

#include <string>
#include <vector>

#include "training/metrics/accuracy.h"
#include "training/metrics/set_metrics.h"
#include "training/session/session.h"

namespace temper::training {

// How the metrics read the output that the session's loss reads, and its target.
struct MetricTask {
  Task task = Task::kNone;
  Scores scores = Scores::kLogits;
  std::int64_t classes = 0;  // or labels; of a regression: values per sample
  std::int64_t ignore_index = -100;

  // Whether predictions are right or wrong.
  bool counts_accuracy() const { return task != Task::kNone && task != Task::kRegression; }
};
MetricTask metric_task(const Session& session);

// Metrics of this session's validation: `settings` completed by the one that checkpoint.monitor
// names. THROWS: kInvalidArgument for a name that does not apply.
MetricSettings wanted_metrics(const Session& session);
// An empty set of them. THROWS: as wanted_metrics.
SetMetrics make_set_metrics(const Session& session, const MetricSettings& settings);

// What checkpoint.monitor may name: "train/loss", "val/f1", "val/loss/mse", ...
std::vector<std::string> monitor_names(const Session& session);

// The batch's field that is the target, as the loss takes it. Null: there is none.
const Tensor* target_of(const Session& session, const Batch& batch);

// What the graphs of steps count of their batches' right predictions.
AccuracySettings accuracy_settings(const Session& session);

// One name per class, for people: data.class_names, else the data's own, else those of the model's
// metadata, else the numbers. Two of a binary task, one per label of a multi-label one. THROWS:
// kInvalidArgument when data.class_names has another number of names.
std::vector<std::string> class_names(const Session& session);

}  // namespace temper::training
