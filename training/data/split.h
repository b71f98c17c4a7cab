// Splitting one data set into training and validation rows.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace temper::training {

struct Split {
  std::vector<std::int64_t> train;  // both in ascending order
  std::vector<std::int64_t> val;
};

// `fraction` of the rows (rounded, at least one on each side) go to val, by a permutation of the
// seed. THROWS: kInvalidArgument for a fraction outside (0, 1) or fewer than 2 rows.
Split split_rows(std::int64_t count, double fraction, std::uint64_t seed);

// The last rows go to val, the same number; between them and train's, apart - 1 rows go to neither.
// THROWS: kInvalidArgument also when nothing is left to train on.
Split split_rows_in_order(std::int64_t count, double fraction, std::int64_t apart);

// The same within each sequence (Dataset::sequences(), one number per row); one that is too short
// stays in train. THROWS: kInvalidArgument also when nothing is held out.
Split split_sequences_in_order(std::span<const std::int64_t> sequences, double fraction,
                               std::int64_t apart);

// The same number of rows, but with each label's share kept as well as whole rows allow; a label
// with one row stays in train.
Split split_rows_stratified(std::span<const std::int64_t> labels, double fraction,
                            std::uint64_t seed);

}  // namespace temper::training
