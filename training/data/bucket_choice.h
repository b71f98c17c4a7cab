// Which lengths samples of different lengths are filled up to.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "training/settings/data_settings.h"

namespace temper::training {

// As [data] says: the lengths it lists; or so many of the data's that the fewest elements are
// filled up; or as few as it takes for filling to be a tenth. The last is the longest of `lengths`.
// REQUIRES: some. THROWS: kInvalidArgument for a length longer than all that are listed.
std::vector<std::int64_t> choose_buckets(std::span<const std::int64_t> lengths,
                                         const DataSettings& settings);

// The first that holds so much.
std::size_t bucket_of(std::span<const std::int64_t> buckets, std::int64_t length);

// How the rows of a set come into buckets.
struct BucketUse {
  std::vector<std::int64_t> rows;  // of each bucket
  std::int64_t there = 0;          // elements along the lengths
  std::int64_t filled = 0;         // what was filled up

  double filled_share() const;
};
BucketUse use_of(std::span<const std::int64_t> buckets, std::span<const std::int64_t> lengths);

// "16 (120 samples), 48 (30 samples); 12.5% of it filled up".
std::string describe(std::span<const std::int64_t> buckets, const BucketUse& use);

}  // namespace temper::training
