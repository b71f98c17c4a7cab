// Sampling on the keyed permutation, or with replacement by weights.
#include "training/data/sampler.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <utility>

#include "backends/common/philox.h"
#include "runtime/base/error.h"

namespace temper::training {

Sampler::Sampler(std::int64_t count, SamplerOptions options)
    : count_(count), options_(std::move(options)) {
  TEMPER_CHECK(count > 0, ErrorCode::kInvalidData, "the data set has no rows");
  sum_weights();
}

Sampler::Sampler(std::vector<std::int64_t> rows, SamplerOptions options)
    : count_(static_cast<std::int64_t>(rows.size())),
      rows_(std::move(rows)),
      options_(std::move(options)) {
  TEMPER_CHECK(count_ > 0, ErrorCode::kInvalidData, "this part of the data set has no rows");
  sum_weights();
}

void Sampler::sum_weights() {
  if (options_.weights.empty()) {
    return;
  }
  TEMPER_ASSERT(static_cast<std::int64_t>(options_.weights.size()) == count_);
  std::partial_sum(options_.weights.begin(), options_.weights.end(),
                   std::back_inserter(cumulative_));
  TEMPER_CHECK(cumulative_.back() > 0, ErrorCode::kInvalidData,
               "all sampling weights of the training rows are 0");
}

Sampler::Epoch::Epoch(const Sampler& sampler, std::int64_t epoch)
    : sampler_(&sampler),
      number_(epoch),
      order_(sampler.count_, sampler.options_.seed, static_cast<std::uint64_t>(epoch)) {}

std::int64_t Sampler::Epoch::row(std::int64_t position) const {
  TEMPER_ASSERT(position >= 0 && position < sampler_->count_);
  std::int64_t index = sampler_->options_.shuffle ? order_(position) : position;
  const std::vector<double>& cumulative = sampler_->cumulative_;
  if (!cumulative.empty()) {
    const PhiloxStream stream(sampler_->options_.seed, static_cast<std::uint64_t>(number_));
    const PhiloxBlock words = stream.block(static_cast<std::uint64_t>(position));
    const double u = (words[0] * 0x1p32 + words[1]) * 0x1p-64;
    // The first sum above u: a row of weight 0 adds nothing and is never it.
    auto found = std::upper_bound(cumulative.begin(), cumulative.end(), u * cumulative.back());
    if (found == cumulative.end()) {  // u rounded up to 1
      found = std::lower_bound(cumulative.begin(), cumulative.end(), cumulative.back());
    }
    index = found - cumulative.begin();
  }
  return sampler_->rows_.empty() ? index : sampler_->rows_[static_cast<std::size_t>(index)];
}

}  // namespace temper::training
