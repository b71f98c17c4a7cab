// The learning-rate range test (L. N. Smith, "Cyclical Learning Rates for Training Neural
// Networks", 2017, section 3.3): the loss of a short run whose rate rises at each step, and the
// rates it suggests. The stopping rule and the three suggestions are fastai's.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "training/session/session.h"

namespace temper::training {

struct LrFindOptions {
  double from = 1e-7;  // the first step's rate
  double to = 10;      // the last step's
  std::int64_t steps = 100;
  bool linear = false;  // rates rise by equal differences; else by equal factors
  // Of the loss's exponential average, corrected for its start at 0. An average over ten steps:
  // fastai's 0.98 lags by fifty, half of the sweep.
  double smoothing = 0.9;
  double diverged = 4;  // stop when the smoothed loss is more than this many times its best
};

struct LrFindPoint {
  double lr = 0;
  double loss = 0;      // of the batch, before its update
  double smoothed = 0;  // average of the losses so far
};

struct LrSuggestion {
  std::string name;  // "valley", "steepest", "minimum/10"
  std::string why;
  double lr = 0;
  double loss = 0;  // smoothed, where the suggestion was read off
};

enum class LrFindEnd { kFinished, kDiverged, kNotFinite };

struct LrFindResult {
  std::vector<LrFindPoint> points;  // finite ones
  LrFindEnd end = LrFindEnd::kFinished;
  double end_lr = 0;                      // the last rate that was tried
  std::vector<LrSuggestion> suggestions;  // the best first; empty when the loss never fell
};

// Runs the sweep by the session's recipe and puts every variable back as it was; writes no file.
// `stepped` is told the number of steps done and may end the sweep by returning false.
// THROWS: kInvalidArgument for rates or steps that make no sweep.
LrFindResult find_learning_rate(Session& session, const LrFindOptions& options,
                                const std::function<bool(std::int64_t)>& stepped = nullptr);

// The suggestions for a curve of rates and smoothed losses; the first tenth of `steps` and, after a
// divergence, the last five points are not looked at. No "minimum/10" when the loss was lowest at
// the end of a sweep that did not diverge. Empty when too little is left or the loss never fell.
std::vector<LrSuggestion> suggest_rates(const std::vector<LrFindPoint>& points, std::int64_t steps,
                                        LrFindEnd end);

}  // namespace temper::training
