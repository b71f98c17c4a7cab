// Which range of a value's numbers the integers cover, from what the value was on data. A range
// that leaves out the furthest numbers has finer steps for all others.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace temper::graph {

enum class Calibration { kMinMax, kPercentile, kEntropy, kMse };

struct CalibrationOptions {
  Calibration how = Calibration::kMinMax;
  double percentile = 99.999;  // of all numbers that the range holds, for kPercentile
  std::int64_t bins = 2048;    // of the histogram of a value
  std::int64_t levels = 128;   // of the quantised distribution, for kEntropy
  bool symmetric = false;      // kMse: the integers lie around 0
};

struct ValueRange {
  double low = 0, high = 0;
};

// How many numbers lie in each of equal bins between -threshold and threshold.
struct Histogram {
  double threshold = 0;
  std::vector<std::int64_t> counts;
  ValueRange seen;  // smallest and largest number

  double edge(std::size_t i) const {
    return -threshold + 2 * threshold * static_cast<double>(i) / static_cast<double>(counts.size());
  }
};

// Without (100 - percentile) / 2 per cent of the numbers at each end; that of
// onnxruntime.quantization's PercentileCalibrater (calibrate.py, compute_percentile).
ValueRange percentile_range(const Histogram& histogram, double percentile);
// The range whose distribution, in so many levels, is nearest to that of all numbers by the
// Kullback-Leibler divergence: S. Migacz, 8-bit inference with TensorRT, GTC 2017; that of
// onnxruntime's EntropyCalibrater (get_entropy_threshold).
ValueRange entropy_range(const Histogram& histogram, std::int64_t levels);
// The range with the least mean square of what rounding and clipping to 256 integers change, each
// bin at its middle: hundredths of both ends are tried, one end after the other.
ValueRange mse_range(const Histogram& histogram, bool symmetric);

// Watches one value over the batches of a run: first how far it goes, then, where the options need
// it, in a second run how its numbers are spread. So the result does not depend on the batches.
class ValueWatch {
 public:
  explicit ValueWatch(const CalibrationOptions& options) : options_(options) {}
  static bool needs_second_run(const CalibrationOptions& options) {
    return options.how != Calibration::kMinMax;
  }
  void first_run(std::span<const float> values);
  void second_run(std::span<const float> values);
  bool is_finite() const { return finite_; }
  bool saw_any() const { return any_; }
  ValueRange range() const;

 private:
  CalibrationOptions options_;
  Histogram histogram_;
  bool any_ = false, finite_ = true;
};

}  // namespace temper::graph
