// Errors of predicted numbers over a whole set: MAE, RMSE and R2.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace temper::training {

// One column per output value of a sample.
class RegressionSums {
 public:
  explicit RegressionSums(std::int64_t columns = 0);

  // REQUIRES: one element per column.
  void add(std::span<const double> predicted, std::span<const double> wanted);
  // REQUIRES: as many columns.
  void merge(const RegressionSums& other);

  std::int64_t samples() const { return samples_; }
  // The mean of |prediction - target| over all samples and columns.
  double mae() const;
  // The root of the mean squared error over all samples and columns.
  double rmse() const;
  // 1 - sum (y - f)^2 / sum (y - mean y)^2 per column, the mean over columns; a column of equal
  // targets counts 1 when predicted exactly and 0 otherwise (scikit-learn's r2_score).
  // REQUIRES: at least two samples.
  double r2() const;

 private:
  struct Column {
    double absolute = 0;
    double squared = 0;
    double mean = 0;     // of the targets
    double scatter = 0;  // sum of squared distances from their mean
  };
  std::int64_t samples_ = 0;
  std::vector<Column> columns_;
};

}  // namespace temper::training
