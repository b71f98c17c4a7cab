#include "training/data/sampling_weights.h"

#include <cmath>
#include <map>

#include "runtime/base/error.h"
#include "training/formats/npy.h"

namespace temper::training {

std::vector<double> balanced_weights(std::span<const std::int64_t> labels) {
  std::map<std::int64_t, std::int64_t> counts;
  for (const std::int64_t label : labels) {
    ++counts[label];
  }
  std::vector<double> weights;
  for (const std::int64_t label : labels) {
    weights.push_back(1.0 / static_cast<double>(counts[label]));
  }
  return weights;
}

std::vector<double> read_sampling_weights(const std::string& path, std::int64_t count,
                                          std::span<const std::int64_t> rows) {
  const std::vector<double> all = read_npy(path).values<double>();
  TEMPER_CHECK(static_cast<std::int64_t>(all.size()) == count, ErrorCode::kInvalidData, path,
               " holds ", all.size(), " sampling weights, but the training data have ", count,
               " rows (those held out for validation count too)");
  std::vector<double> weights;
  for (const std::int64_t row : rows) {
    const double weight = all[static_cast<std::size_t>(row)];
    TEMPER_CHECK(std::isfinite(weight) && weight >= 0, ErrorCode::kInvalidData, path, ", row ", row,
                 ": a sampling weight must be finite and not negative, but is ", weight);
    weights.push_back(weight);
  }
  return weights;
}

}  // namespace temper::training
