// The same model, data and seed trained under several settings, and who was ahead when.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "training/recipe/recipe.h"
#include "training/records/run_observer.h"

namespace temper::training {

struct CompareCurve {
  std::vector<double> steps;
  std::vector<double> values;
};

struct ComparedRun {
  std::string name;
  std::vector<std::string> set;
  std::string folder;   // its run directory
  std::string trouble;  // why it ended early: diverged; empty otherwise
  double seconds = 0;
  std::int64_t steps = 0;
  std::map<std::string, CompareCurve> curves;  // by metric: "train/loss", "val/loss", ...
  // Of the metric that decides; NaN where it never was finite.
  double final_value = 0;
  double best_value = 0;
  std::int64_t best_step = -1;
  std::int64_t first_led = -1;  // the first step at which its best so far was the best of all
  // Per run: the first step at which this one was as good as that one's best; -1: never.
  std::vector<std::int64_t> reached;
};

// From `step` on this run's best so far was the best of all.
struct CompareLead {
  std::int64_t step = 0;
  std::size_t run = 0;
};

struct Comparison {
  std::string by;         // the metric that decides
  bool maximize = false;  // whether more of it is better
  bool interrupted = false;
  std::vector<ComparedRun> runs;
  std::vector<CompareLead> leads;
  std::vector<std::size_t> ranking;  // indices of runs, the best first
  std::vector<std::string> notes;
  std::string trained;  // what_trains() of the first run
};

struct CompareOptions {
  std::string folder;          // an existing one; each run gets a folder in it
  std::string by;              // empty: val/accuracy or val/loss as fits
  bool across_losses = false;  // loss values are no measure between the runs
  // Progress of run `index`; false ends the comparison.
  std::function<bool(std::size_t index, const RunProgress& progress)> stepped;
};

// Trains `base` with each run's settings on top, one after the other. A run that diverges is
// recorded as such. THROWS: kInvalidArgument and other input errors, naming the run, before the
// first step of any run where settings are at fault.
Comparison compare_runs(const RecipeSources& base, const std::vector<CompareRunSettings>& runs,
                        const CompareOptions& options);

// Fills what depends on the curves of metric `by` alone: figures, leads, ranking.
void judge(Comparison& comparison);

}  // namespace temper::training
