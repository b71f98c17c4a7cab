// The order of rows: a function of (seed, epoch, position), so nothing but these is saved.
#pragma once

#include <cstdint>
#include <vector>

#include "training/data/permutation.h"

namespace temper::training {

struct SamplerOptions {
  bool shuffle = true;
  std::uint64_t seed = 0;
  // One number per row, not negative: an epoch then draws as many rows with replacement, each with
  // a probability in proportion to its weight (torch.utils.data.WeightedRandomSampler). Empty:
  // every row once.
  std::vector<double> weights = {};
};

class Sampler {
 public:
  // All rows 0..count-1 of a data set.
  Sampler(std::int64_t count, SamplerOptions options);
  // Some of its rows (a part of a split). THROWS: kInvalidData when there is none, or all weights
  // are 0.
  Sampler(std::vector<std::int64_t> rows, SamplerOptions options);

  // Rows of an epoch.
  std::int64_t count() const { return count_; }
  const SamplerOptions& options() const { return options_; }

  // The order of one epoch: call with a position in 0..count-1.
  class Epoch {
   public:
    Epoch(const Sampler& sampler, std::int64_t epoch);
    std::int64_t row(std::int64_t position) const;

   private:
    const Sampler* sampler_;
    std::int64_t number_;
    KeyedPermutation order_;
  };
  Epoch epoch(std::int64_t number) const { return Epoch(*this, number); }

 private:
  void sum_weights();

  std::int64_t count_;
  std::vector<std::int64_t> rows_;  // empty: all
  SamplerOptions options_;
  std::vector<double> cumulative_;  // of the weights; empty without
};

}  // namespace temper::training
