// The order of rows: a function of (seed, epoch, position), so nothing but these is saved.
#pragma once

#include <cstdint>
#include <vector>

#include "training/data/permutation.h"

namespace temper::training {

struct SamplerOptions {
  bool shuffle = true;
  std::uint64_t seed = 0;
};

class Sampler {
 public:
  // All rows 0..count-1 of a data set.
  Sampler(std::int64_t count, SamplerOptions options);
  // Some of its rows (a part of a split).
  Sampler(std::vector<std::int64_t> rows, SamplerOptions options);

  // Rows of an epoch.
  std::int64_t count() const { return count_; }

  // The order of one epoch: call with a position in 0..count-1.
  class Epoch {
   public:
    Epoch(const Sampler& sampler, std::int64_t epoch);
    std::int64_t row(std::int64_t position) const;

   private:
    const Sampler* sampler_;
    KeyedPermutation order_;
  };
  Epoch epoch(std::int64_t number) const { return Epoch(*this, number); }

 private:
  std::int64_t count_;
  std::vector<std::int64_t> rows_;  // empty: all
  SamplerOptions options_;
};

}  // namespace temper::training
