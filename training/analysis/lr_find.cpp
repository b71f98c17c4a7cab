#include "training/analysis/lr_find.h"

#include <algorithm>
#include <cmath>

#include "runtime/base/error.h"
#include "training/run/trainer.h"
#include "training/session/restored_variables.h"

namespace temper::training {
namespace {

constexpr std::int64_t kLeastSteps = 20;
constexpr std::size_t kLeastPoints = 5;
constexpr std::size_t kDivergedPoints = 5;  // the rise itself

void check(const LrFindOptions& options) {
  TEMPER_CHECK(std::isfinite(options.to) && options.from > 0 && options.from < options.to,
               ErrorCode::kInvalidArgument, "a sweep goes up from a positive rate, not from ",
               options.from, " to ", options.to);
  TEMPER_CHECK(options.steps >= kLeastSteps, ErrorCode::kInvalidArgument, "a sweep of ",
               options.steps, " steps shows nothing; take at least ", kLeastSteps);
}

// Bounded by the best loss where that is positive, else by how far the loss came down.
bool has_diverged(double smoothed, double best, double first, double times) {
  const double scale = best > 0 ? best : std::max(std::abs(best), first - best);
  return smoothed - best > (times - 1) * scale;
}

LrSuggestion at(const char* name, const char* why, const LrFindPoint& point) {
  return {name, why, point.lr, point.smoothed};
}

// The middle of the middle third of the longest descent (a longest decreasing subsequence).
// fastai.callback.schedule.valley.
std::size_t valley_index(const std::vector<LrFindPoint>& points) {
  std::vector<std::size_t> length(points.size(), 1);
  std::size_t end = 0;
  for (std::size_t i = 1; i < points.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (points[i].smoothed < points[j].smoothed) {
        length[i] = std::max(length[i], length[j] + 1);
      }
    }
    end = length[i] > length[end] ? i : end;
  }
  const auto start = static_cast<double>(end) - static_cast<double>(length[end]);
  const double third = (static_cast<double>(end) - std::max(start, 0.0)) / 3;
  return static_cast<std::size_t>(std::max(start, 0.0)) + static_cast<std::size_t>(third) +
         static_cast<std::size_t>(third / 2);
}

// argmin of d loss / d log(rate). fastai.callback.schedule.steep.
std::size_t steepest_index(const std::vector<LrFindPoint>& points, double& slope) {
  std::size_t best = 0;
  slope = 0;
  for (std::size_t i = 0; i + 1 < points.size(); ++i) {
    const double here =
        (points[i + 1].smoothed - points[i].smoothed) / std::log(points[i + 1].lr / points[i].lr);
    if (here < slope) {
      slope = here;
      best = i;
    }
  }
  return best;
}

}  // namespace

std::vector<LrSuggestion> suggest_rates(const std::vector<LrFindPoint>& points, std::int64_t steps,
                                        LrFindEnd end) {
  const auto skipped = static_cast<std::size_t>(steps / 10);
  const std::size_t rise = end == LrFindEnd::kDiverged ? kDivergedPoints : 0;
  if (points.size() < skipped + rise + kLeastPoints) {
    return {};
  }
  const std::vector<LrFindPoint> part(points.begin() + static_cast<std::ptrdiff_t>(skipped),
                                      points.end() - static_cast<std::ptrdiff_t>(rise));
  double slope = 0;
  const std::size_t steepest = steepest_index(part, slope);
  if (slope >= 0) {
    return {};
  }
  const auto lowest = std::min_element(part.begin(), part.end(), [](const auto& a, const auto& b) {
    return a.smoothed < b.smoothed;
  });
  std::vector<LrSuggestion> suggestions = {
      at("valley", "in the middle of the longest descent", part[valley_index(part)]),
      at("steepest", "where the loss falls fastest", part[steepest])};
  if (end != LrFindEnd::kFinished || lowest + 1 != part.end()) {  // else the minimum lies beyond
    suggestions.push_back(at("minimum/10", "a tenth of the rate with the lowest loss", *lowest));
    suggestions.back().lr /= 10;
  }
  return suggestions;
}

LrFindResult find_learning_rate(Session& session, const LrFindOptions& options,
                                const std::function<bool(std::int64_t)>& stepped) {
  check(options);
  LrFindResult result;
  RunObserver silent;
  Trainer trainer(session, silent, false);
  trainer.prepare();
  const RestoredVariables restored(session.engine().store());
  double average = 0;
  double weight = 1;  // smoothing^steps: the share of the start at 0 in the average
  double best = 0;
  const auto watch = [&](const RehearsedStep& step) {
    result.end_lr = step.lr;
    if (!std::isfinite(step.loss) || !step.applied) {
      result.end = LrFindEnd::kNotFinite;
      return false;
    }
    average = options.smoothing * average + (1 - options.smoothing) * step.loss;
    weight *= options.smoothing;
    const double smoothed = average / (1 - weight);
    result.points.push_back({step.lr, step.loss, smoothed});
    best = result.points.size() == 1 ? smoothed : std::min(best, smoothed);
    if (has_diverged(smoothed, best, result.points.front().smoothed, options.diverged)) {
      result.end = LrFindEnd::kDiverged;
      return false;
    }
    return stepped == nullptr || stepped(step.step + 1);
  };
  const RateSweep sweep{options.from, options.to, options.linear};
  try {
    trainer.rehearse(options.steps, &sweep, watch);
  } catch (const Error& error) {  // as the recipe's policy for such steps may have it
    if (error.code() != ErrorCode::kDiverged) {
      throw;
    }
    result.end = LrFindEnd::kNotFinite;
  }
  result.suggestions = suggest_rates(result.points, options.steps, result.end);
  return result;
}

}  // namespace temper::training
