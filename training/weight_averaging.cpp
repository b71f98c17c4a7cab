#include "training/weight_averaging.h"

#include <algorithm>
#include <span>
#include <string>

#include "runtime/base/error.h"
#include "training/compile/weight_average.h"

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

void set_average_weights(VariableStore& store, const AveragePlan& plan, std::int64_t applied) {
  const auto set = [&](const char* name, double weight) {
    const int id = store.find(name);
    if (id >= 0) {
      store.tensor(id).span<double>()[0] = weight;
    }
  };
  set(kAverageWeightVariable, plan.weight(applied));
  set(kAverageBuffersVariable, plan.buffer_weight(applied));
}

void AveragesInPlace::swap() {
  for (int i = 0; i < store_.count(); ++i) {
    const int average = store_.find(kAveragePrefix + store_.variable(i).name);
    if (average < 0) {
      continue;
    }
    Tensor& a = store_.tensor(i);
    Tensor& b = store_.tensor(average);
    TEMPER_ASSERT(a.bytes() == b.bytes(), "an average of another size");
    auto* first = static_cast<std::byte*>(a.data());
    std::swap_ranges(first, first + a.bytes(), static_cast<std::byte*>(b.data()));
  }
}

}  // namespace temper::training
