#include "training/run/weight_averaging.h"

#include <algorithm>
#include <string>

#include "runtime/base/error.h"
#include "training/compile/step/weight_average.h"
#include "training/compile/training_graph.h"

namespace temper::training {

AveragePlan::AveragePlan(const AverageSettings& settings, const RunLength& run)
    : settings_(settings) {
  if (!settings.is_on()) {
    return;
  }
  const bool swa = settings.kind == "swa";
  const std::string start = !settings.start.empty() ? settings.start : swa ? "75%" : "0 steps";
  start_ = parse_length(start, run, "average.start");
  every_ = settings.every > 0 ? settings.every : swa ? run.steps_per_epoch : 1;
}

std::int64_t AveragePlan::updates(std::int64_t applied) const {
  return settings_.is_on() ? std::max<std::int64_t>(applied - start_, 0) / every_ : 0;
}

// Update n (from 0) takes the weights as they are when n = 0; then
// ema: average <- decay average + (1 - decay) weights;  swa: average += (weights - average) / (n +
// 1)
double AveragePlan::weight(std::int64_t applied) const {
  if (updates(applied) == updates(applied - 1)) {
    return 0;
  }
  const auto n = static_cast<double>(updates(applied) - 1);
  if (n == 0) {
    return 1;
  }
  if (settings_.kind == "swa") {
    return 1 / (n + 1);
  }
  const double decay =
      settings_.warmup ? std::min(settings_.decay, (1 + n) / (10 + n)) : settings_.decay;
  return 1 - decay;
}

double AveragePlan::buffer_weight(std::int64_t applied) const {
  const double of_weights = weight(applied);
  return settings_.use_buffers || of_weights == 0 ? of_weights : 1;
}

void set_average_weights(VariableStore& store, const AveragePlan& plan, std::int64_t first) {
  const auto set = [&](ScalarRole role, double (AveragePlan::*weight)(std::int64_t) const) {
    const int id = store.find(role);
    if (id < 0) {
      return;
    }
    std::vector<double> row;
    for (std::int64_t slot = 0; slot < kRateSlots; ++slot) {
      row.push_back((plan.*weight)(first + slot + 1));
    }
    store.set_range<double>(id, 0, row);
  };
  set(ScalarRole::kAverageWeight, &AveragePlan::weight);
  set(ScalarRole::kAverageBuffers, &AveragePlan::buffer_weight);
}

AveragesInPlace::AveragesInPlace(VariableStore& store) : store_(store) {
  for (int i = 0; i < store.count(); ++i) {
    const int average = store.find(VariableIdentity::beside(i, VariableKind::kAverage));
    if (average >= 0) {
      pairs_.push_back({i, average});
    }
  }
  swap();
}

AveragesInPlace::~AveragesInPlace() {
  try {
    swap();
  } catch (const Error&) {
    // A device that failed: whatever asks it next says so.
  }
}

void AveragesInPlace::swap() {
  for (const Pair& pair : pairs_) {
    store_.swap(pair.weight, pair.average);
  }
}

}  // namespace temper::training
