// What a run needs besides its variables to go on with the same bits: the content of a checkpoint's
// state.json.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "training/data/batch_loader.h"
#include "training/formats/json.h"
#include "training/schedules/plateau.h"
#include "training/session/evaluation.h"

namespace temper::training {

struct RunState {
  DataPosition data;           // the next batch
  std::int64_t attempted = 0;  // optimizer steps tried
  std::int64_t applied = 0;    // of these, applied
  std::int64_t skipped = 0;
  std::int64_t consecutive_skips = 0;
  std::int64_t bad_evaluations = 0;  // in a row, for patience
  bool has_best = false;
  double best_metric = 0;
  std::int64_t best_step = 0;
  Evaluation best_evaluation;   // of the best model; no samples without validation data
  Evaluation given_evaluation;  // of the model as given; no samples where it was not evaluated
  // The last one, and after which step; -1: there is none.
  Evaluation last_evaluation;
  std::int64_t evaluated_step = -1;
  // The monitored metric after training: at the first evaluation, and at its best.
  bool has_trained = false;
  double first_trained_metric = 0;
  double best_trained_metric = 0;
  std::int64_t best_trained_step = 0;
  // The models in top/, with checkpoint.top_k > 1.
  std::vector<std::int64_t> top_steps;
  std::vector<double> top_metrics;
  double seconds = 0;               // running time, over all parts of the run
  std::uint64_t metrics_bytes = 0;  // length of metrics.jsonl
  // Since the last logged line, of steps that were applied: how many, sums of the loss (see
  // LossTotals) and right predictions; and the same since the epoch's begin.
  std::int64_t loss_steps = 0;
  std::vector<double> loss_sums;
  std::int64_t correct = 0;
  std::int64_t counted = 0;
  std::vector<double> epoch_loss_sums;
  std::int64_t epoch_correct = 0;
  std::int64_t epoch_counted = 0;
  std::map<std::string, double> sums;  // of an adversarial run's metrics, since the last line
  double last_norm = 0;                // of the gradients, before and after clipping
  double last_norm_clipped = 0;
  double largest_norm = 0;         // before clipping, since the last logged line
  std::int64_t clipped_steps = 0;  // since the last logged line: steps that clipping changed
  std::int64_t nonfinite = 0;      // steps that were applied although they were not finite
  // Elements that were not finite in the model as given, such as a padding row of -inf, by tensor.
  std::map<std::string, double> given_not_finite;
  // Of the spike guard: the last good losses or norms, and what it did.
  std::vector<double> spike_window;
  std::int64_t spikes = 0;
  std::int64_t rollbacks = 0;
  std::int64_t snapshot_applied = 0;  // of the snapshot in the store: updates done until then
  std::int64_t snapshot_step = 0;     // steps tried until then
  std::int64_t average_updates = 0;   // of the averages of the weights
  PlateauState plateau;
  // As last logged: what is monitored when there is no validation.
  double last_train_loss = 0;
  double last_train_accuracy = 0;
  std::map<std::string, double> last_train_parts;  // "loss/mse"

  std::int64_t total_steps = 0;     // that the run is to have; 0 where an older version saved it
  std::int64_t average_start = -1;  // the step where averaging begins; -1: as the settings say

  std::string settings_hash;                 // SHA-256 of the settings that decide the numbers
  std::map<std::string, std::string> files;  // fingerprints by setting: "model.path"
  std::string numerics;                      // backend, library versions, instruction set, threads
};

JsonValue to_json(const RunState& state);
// What an older version did not write has its default. THROWS: kInvalidData or kInvalidModel when
// something is of another kind, or of a newer format.
RunState run_state_from_json(const JsonValue& json);

}  // namespace temper::training
