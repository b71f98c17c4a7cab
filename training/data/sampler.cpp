// Sampling on the keyed permutation.
#include "training/data/sampler.h"

#include <utility>

#include "runtime/base/error.h"

namespace temper::training {

Sampler::Sampler(std::int64_t count, SamplerOptions options) : count_(count), options_(options) {
  TEMPER_CHECK(count > 0, ErrorCode::kInvalidData, "the data set has no rows");
}

Sampler::Sampler(std::vector<std::int64_t> rows, SamplerOptions options)
    : count_(static_cast<std::int64_t>(rows.size())), rows_(std::move(rows)), options_(options) {
  TEMPER_CHECK(count_ > 0, ErrorCode::kInvalidData, "this part of the data set has no rows");
}

Sampler::Epoch::Epoch(const Sampler& sampler, std::int64_t epoch)
    : sampler_(&sampler),
      order_(sampler.count_, sampler.options_.seed, static_cast<std::uint64_t>(epoch)) {}

std::int64_t Sampler::Epoch::row(std::int64_t position) const {
  TEMPER_ASSERT(position >= 0 && position < sampler_->count_);
  const std::int64_t index = sampler_->options_.shuffle ? order_(position) : position;
  return sampler_->rows_.empty() ? index : sampler_->rows_[static_cast<std::size_t>(index)];
}

}  // namespace temper::training
