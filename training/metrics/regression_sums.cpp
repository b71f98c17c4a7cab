#include "training/metrics/regression_sums.h"

#include <cmath>

#include "runtime/base/error.h"

namespace temper::training {

RegressionSums::RegressionSums(std::int64_t columns)
    : columns_(static_cast<std::size_t>(columns)) {}

void RegressionSums::add(std::span<const double> predicted, std::span<const double> wanted) {
  ++samples_;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    Column& column = columns_[i];
    const double error = predicted[i] - wanted[i];
    column.absolute += std::abs(error);
    column.squared += error * error;
    // Welford (1962): no loss of digits where the mean is large against the scatter.
    const double distance = wanted[i] - column.mean;
    column.mean += distance / static_cast<double>(samples_);
    column.scatter += distance * (wanted[i] - column.mean);
  }
}

void RegressionSums::merge(const RegressionSums& other) {
  TEMPER_ASSERT(columns_.size() == other.columns_.size());
  const auto mine = static_cast<double>(samples_);
  const auto theirs = static_cast<double>(other.samples_);
  if (other.samples_ == 0) {
    return;
  }
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    Column& column = columns_[i];
    const Column& more = other.columns_[i];
    // Chan, Golub and LeVeque (1979).
    const double distance = more.mean - column.mean;
    column.scatter += more.scatter + distance * distance * mine * theirs / (mine + theirs);
    column.mean += distance * theirs / (mine + theirs);
    column.absolute += more.absolute;
    column.squared += more.squared;
  }
  samples_ += other.samples_;
}

double RegressionSums::mae() const {
  double sum = 0;
  for (const Column& column : columns_) {
    sum += column.absolute;
  }
  return sum / (static_cast<double>(samples_) * static_cast<double>(columns_.size()));
}

double RegressionSums::rmse() const {
  double sum = 0;
  for (const Column& column : columns_) {
    sum += column.squared;
  }
  return std::sqrt(sum / (static_cast<double>(samples_) * static_cast<double>(columns_.size())));
}

double RegressionSums::r2() const {
  double sum = 0;
  for (const Column& column : columns_) {
    sum += column.scatter > 0 ? 1 - column.squared / column.scatter
                              : (column.squared == 0 ? 1.0 : 0.0);
  }
  return sum / static_cast<double>(columns_.size());
}

}  // namespace temper::training
