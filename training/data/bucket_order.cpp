#include "training/data/bucket_order.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "runtime/base/error.h"

namespace temper::training {
namespace {

// Tells the order of batches from that of rows.
constexpr std::uint64_t kOfBatches = 0x6261746368657321;  // "batches!"

}  // namespace

std::int64_t EpochBatches::count() const {
  const std::int64_t all = whole + static_cast<std::int64_t>(rests.size());
  return limit > 0 ? std::min(limit, all) : all;
}

std::int64_t EpochBatches::index_of(std::int64_t position) const {
  if (position <= whole * size) {
    return position / size;
  }
  std::int64_t index = whole;
  std::int64_t begin = whole * size;
  for (std::size_t i = 0; i < rests.size() && begin < position; ++i) {
    begin += rests[i];
    ++index;
  }
  return index;
}

std::int64_t EpochBatches::rows(std::int64_t first, std::int64_t count) const {
  std::int64_t sum = 0;
  for (std::int64_t i = first; i < first + count; ++i) {
    sum += i < whole ? size : rests.at(static_cast<std::size_t>(i - whole));
  }
  return sum;
}

EpochBatches epoch_batches(const std::vector<std::int64_t>& rows, std::int64_t batch_size,
                           bool drop_last) {
  EpochBatches made;
  made.size = batch_size;
  for (const std::int64_t of_bucket : rows) {
    made.whole += of_bucket / batch_size;
    if (of_bucket % batch_size > 0 && !drop_last) {
      made.rests.push_back(of_bucket % batch_size);
    }
  }
  return made;
}

std::vector<BatchForm> batch_forms(const Buckets& buckets, const std::vector<std::int64_t>& rows,
                                   std::int64_t batch_size, bool drop_last) {
  std::vector<BatchForm> forms;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::int64_t length = buckets.any() ? buckets.lengths[i] : 0;
    if (rows[i] >= batch_size) {
      forms.push_back({batch_size, length});
    }
    if (rows[i] % batch_size > 0 && !drop_last) {
      forms.push_back({rows[i] % batch_size, length});
    }
  }
  std::stable_sort(forms.begin(), forms.end(), [](const BatchForm& a, const BatchForm& b) {
    const std::int64_t x = a.rows * std::max<std::int64_t>(a.length, 1);
    const std::int64_t y = b.rows * std::max<std::int64_t>(b.length, 1);
    return x != y ? x > y : a.length > b.length;
  });
  return forms;
}

std::vector<std::int64_t> rows_of_buckets(const Buckets& buckets,
                                          const std::vector<std::int64_t>& rows) {
  if (!buckets.any()) {
    return {static_cast<std::int64_t>(rows.size())};
  }
  std::vector<std::int64_t> counts(buckets.lengths.size(), 0);
  for (const std::int64_t row : rows) {
    ++counts[static_cast<std::size_t>(buckets.of_row[static_cast<std::size_t>(row)])];
  }
  return counts;
}

BucketOrder::BucketOrder(const Sampler& sampler, const Buckets& buckets, std::int64_t batch_size,
                         bool drop_last, const SamplerOptions& options)
    : sampler_(sampler),
      buckets_(buckets),
      options_(options),
      batches_(epoch_batches({sampler.count()}, batch_size, drop_last)),
      order_(sampler.epoch(0)) {
  if (!buckets.any()) {
    return;
  }
  TEMPER_ASSERT(options.weights.empty(), "rows in buckets are drawn once an epoch");
  std::vector<std::int64_t> rows;
  for (std::int64_t i = 0; i < sampler.count(); ++i) {
    rows.push_back(order_.row(i));
  }
  const std::vector<std::int64_t> counts = rows_of_buckets(buckets, rows);
  batches_ = training::epoch_batches(counts, batch_size, drop_last);
  for (std::size_t bucket = 0; bucket < counts.size() && !drop_last; ++bucket) {
    if (counts[bucket] % batch_size > 0) {
      rest_bucket_.push_back(static_cast<std::int32_t>(bucket));
    }
  }
}

void BucketOrder::begin(std::int64_t epoch) {
  order_ = sampler_.epoch(epoch);
  if (buckets_.any()) {
    order_buckets(epoch);
  }
}

// Rows go into their buckets in the epoch's order; whole batches come in an order of their own.
void BucketOrder::order_buckets(std::int64_t epoch) {
  std::vector<std::vector<std::int64_t>> of_bucket(buckets_.lengths.size());
  for (std::int64_t i = 0; i < sampler_.count(); ++i) {
    const std::int64_t row = order_.row(i);
    of_bucket[static_cast<std::size_t>(buckets_.of_row[static_cast<std::size_t>(row)])].push_back(
        row);
  }
  const std::int64_t size = batches_.size;
  std::vector<std::pair<std::int32_t, std::int64_t>> whole;  // bucket, first row there
  for (std::size_t bucket = 0; bucket < of_bucket.size(); ++bucket) {
    const auto count = static_cast<std::int64_t>(of_bucket[bucket].size());
    for (std::int64_t first = 0; first + size <= count; first += size) {
      whole.emplace_back(static_cast<std::int32_t>(bucket), first);
    }
  }
  TEMPER_ASSERT(static_cast<std::int64_t>(whole.size()) == batches_.whole);
  const KeyedPermutation shuffled(batches_.whole, options_.seed ^ kOfBatches,
                                  static_cast<std::uint64_t>(epoch));
  rows_.clear();
  batch_bucket_.clear();
  const auto take = [&](std::int32_t bucket, std::int64_t first, std::int64_t count) {
    const auto begin = of_bucket[static_cast<std::size_t>(bucket)].begin() + first;
    rows_.insert(rows_.end(), begin, begin + count);
    batch_bucket_.push_back(bucket);
  };
  for (std::int64_t i = 0; i < batches_.whole; ++i) {
    const auto& [bucket, first] =
        whole[static_cast<std::size_t>(options_.shuffle ? shuffled(i) : i)];
    take(bucket, first, size);
  }
  for (std::size_t i = 0; i < rest_bucket_.size(); ++i) {
    const std::int32_t bucket = rest_bucket_[i];
    const auto count =
        static_cast<std::int64_t>(of_bucket[static_cast<std::size_t>(bucket)].size());
    take(bucket, count - batches_.rests[i], batches_.rests[i]);
  }
}

BucketOrder::Part BucketOrder::part_at(std::int64_t position) const {
  if (!buckets_.any()) {
    return {position, std::min(batches_.size, sampler_.count() - position), 0};
  }
  const std::int64_t index = batches_.index_of(position);
  const auto bucket = static_cast<std::size_t>(batch_bucket_[static_cast<std::size_t>(index)]);
  return {position, batches_.rows(index, 1), buckets_.lengths[bucket]};
}

}  // namespace temper::training
