// Checkpoints: a folder of weights.safetensors, optimizer.safetensors, state.json and MANIFEST
// (sizes and SHA-256, written last). Written under a temporary name, synced, renamed, the parent
// synced: a folder that is there is whole, or is skipped.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "runtime/exec/variable_store.h"
#include "training/data/batch_loader.h"
#include "training/evaluation.h"

namespace temper::training {

// What a run needs besides its variables to go on with the same bits.
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
  Evaluation best_evaluation;       // of the best model; no samples without validation data
  std::uint64_t metrics_bytes = 0;  // length of metrics.jsonl
  // Sums since the last logged line.
  double loss_sum = 0;
  std::int64_t loss_steps = 0;
  std::int64_t correct = 0;
  std::int64_t counted = 0;
  double last_norm = 0;
  // As last logged: what is monitored when there is no validation.
  double last_train_loss = 0;
  double last_train_accuracy = 0;

  std::string recipe_hash;  // SHA-256 of the settings that decide the numbers
  std::string model_fingerprint;
  std::string data_fingerprint;
  std::string numerics;  // backend, library versions, instruction set, threads
};

// Writes checkpoints/step-<12 digits> of `run_directory`, then removes the oldest up to this step
// until `keep` are left. THROWS: kIo (nothing is lost then: the older ones stay); kDiverged instead
// of writing non-finite weights.
void save_checkpoint(const std::string& run_directory, const VariableStore& store,
                     const RunState& state, std::int64_t keep);

// The newest whole checkpoint: its variables go to the store. Damaged ones are skipped, each with a
// line in `notes`. Empty when the folder has none at all. `accept` sees the state before anything
// is changed; what it throws ends the load. THROWS: kInvalidModel when none is whole and fits the
// model.
std::optional<RunState> load_newest_checkpoint(
    const std::string& run_directory, VariableStore& store, std::vector<std::string>& notes,
    const std::function<void(const RunState&)>& accept = nullptr);

}  // namespace temper::training
