#include "training/objective/loss_totals.h"

#include <cmath>
#include <limits>

#include "runtime/base/error.h"

namespace temper::training {
namespace {

// Whether anything of a part counts.
bool counts(const LossForm& form, std::span<const double> numbers) {
  const bool divides = !form.is_overlap() && form.rule != LossRule::kSum;
  return !numbers.empty() && (!divides || numbers[1] != 0);
}

// Each part with its own share of the totals.
template <class Parts, class Use>
void for_each_part(const Parts& parts, std::span<const double> totals, Use&& use) {
  std::size_t at = 0;
  for (const auto& part : parts) {
    use(part, totals.empty() ? totals : totals.subspan(at, part.size));
    at += part.size;
  }
}

}  // namespace

LossTotals::LossTotals(const CompileSettings& settings, bool training, const Plan& plan) {
  for (LossPartForm& form : loss_part_forms(settings, training)) {
    const int index = plan.output(PortRole::kLossSums, static_cast<int>(parts_.size()));
    TEMPER_ASSERT(index >= 0, form.label);
    const Shape& shape = plan.outputs[static_cast<std::size_t>(index)].shape;
    parts_.push_back({std::move(form), static_cast<std::size_t>(shape.element_count())});
  }
}

std::vector<int> LossTotals::places(const Plan& plan) const {
  std::vector<int> found;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    found.push_back(plan.output(PortRole::kLossSums, static_cast<int>(i)));
  }
  return found;
}

void LossTotals::add(const Executor& executor, std::span<const int> places,
                     std::vector<double>& totals) const {
  const auto output = [&](int place) -> const Tensor& { return executor.read_output(place); };
  add_from(output, places, totals);
}

void LossTotals::add(const StepReading& reading, std::span<const int> places,
                     std::vector<double>& totals) const {
  const auto output = [&](int place) -> const Tensor& { return reading.output(place); };
  add_from(output, places, totals);
}

template <class Output>
void LossTotals::add_from(const Output& output, std::span<const int> places,
                          std::vector<double>& totals) const {
  if (totals.empty()) {
    std::size_t size = 0;
    for (const Part& part : parts_) {
      size += part.size;
    }
    totals.resize(size);
  }
  std::size_t at = 0;
  for (const int place : places) {
    const Tensor& sums = output(place);
    visit_float(sums.dtype(), [&]<class T>() {
      for (const T number : sums.span<T>()) {
        totals[at++] += static_cast<double>(number);
      }
    });
  }
}

bool LossTotals::any(std::span<const double> totals) const {
  bool any = false;
  for_each_part(parts_, totals, [&](const Part& part, std::span<const double> numbers) {
    any = any || counts(part.of.form, numbers);
  });
  return any;
}

double LossTotals::loss(std::span<const double> totals) const {
  double sum = 0;
  for_each_part(parts_, totals, [&](const Part& part, std::span<const double> numbers) {
    sum += counts(part.of.form, numbers) ? part.of.factor * loss_value(part.of.form, numbers) : 0;
  });
  return any(totals) ? sum : std::numeric_limits<double>::quiet_NaN();
}

std::vector<MetricValue> LossTotals::parts(std::span<const double> totals) const {
  std::vector<MetricValue> values;
  for_each_part(parts_, totals, [&](const Part& part, std::span<const double> numbers) {
    if (parts_.size() > 1) {
      values.push_back({"loss/" + part.of.label, loss_value(part.of.form, numbers)});
    }
  });
  return values;
}

}  // namespace temper::training
