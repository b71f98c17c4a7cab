// [train] of a recipe: length of the run, device, precision, threads, folder.
#pragma once

#include <cstdint>
#include <string>

namespace temper::training {

// What a sudden jump of the loss or the gradient norm does to a run.
struct SpikeSettings {
  std::string action = "off";    // "off" | "warn" | "skip" | "rollback"
  std::string of = "grad_norm";  // "grad_norm" | "loss"
  double factor = 10;            // over the median of the window's steps
  std::int64_t window = 64;      // good steps the median is of; before that many nothing is a spike
  std::int64_t snapshot = 100;   // steps between the states that a rollback goes back to

  bool guards() const { return action == "skip" || action == "rollback"; }
};

struct TrainSettings {
  std::int64_t epochs = 10;
  std::int64_t steps = 0;         // 0: by epochs
  std::string precision = "f32";  // "f32" | "bf16" | "fp16" | "auto"
  bool tf32 = false;              // products of f32 on a GPU
  bool cache_features = false;    // what is frozen runs once for each sample, not in each epoch
  std::string device = "cpu";
  std::int64_t threads = 0;  // 0: all processors
  std::int64_t accumulate = 1;
  std::string accumulate_by = "items";  // "items" | "batches"
  std::int64_t seed = 0;
  std::string out;                    // empty: runs/<model name>-<n>
  std::int64_t eval_every = 0;        // steps; 0: at the end of each epoch
  std::string on_nonfinite = "skip";  // "skip" | "stop" | "ignore"
  std::int64_t max_consecutive_skips = 20;
  std::int64_t plan_cache = 8;    // compiled plans kept beside the run's own
  std::int64_t memory_limit = 0;  // MiB; 0: all there is
  SpikeSettings spike;
  std::string max_time;                // "90 min"; empty: no limit
  std::int64_t limit_batches = 0;      // training batches per epoch; 0: all
  std::int64_t limit_val_batches = 0;  // validation batches; 0: all
  std::int64_t overfit_batches = 0;    // train and validate on these first batches alone; 0: off

  // A group of micro-batches has the mean of their losses, not the loss of all its items.
  bool accumulates_batches() const { return accumulate_by == "batches"; }
  // A step that is not finite is applied all the same (never with fp16).
  bool ignores_nonfinite() const { return on_nonfinite == "ignore"; }
};

}  // namespace temper::training
