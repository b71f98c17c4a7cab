// The products that a MatMul of more than two dimensions consists of: numpy's rules for batches.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "runtime/base/shape.h"

namespace temper {

class MatMulBatches {
 public:
  MatMulBatches() = default;
  // Of what lies in front of the last two dimensions; an operand without any is the same in all.
  MatMulBatches(const Shape& a, const Shape& b) : rank_(std::max({a.rank(), b.rank(), 2}) - 2) {
    std::int64_t a_count = 1, b_count = 1;
    for (int i = 0; i < rank_; ++i) {  // from the last dimension
      const auto at = static_cast<std::size_t>(rank_ - 1 - i);
      const std::int64_t a_dim = i < a.rank() - 2 ? a[a.rank() - 3 - i] : 1;
      const std::int64_t b_dim = i < b.rank() - 2 ? b[b.rank() - 3 - i] : 1;
      batch_[at] = a_dim == 1 ? b_dim : a_dim;
      a_step_[at] = a_dim == 1 ? 0 : a_count;
      b_step_[at] = b_dim == 1 ? 0 : b_count;
      a_count *= a_dim;
      b_count *= b_dim;
      count_ *= batch_[at];
    }
  }

  std::int64_t count() const { return count_; }

  // Which matrix of a and which of b product `at` takes.
  std::pair<std::int64_t, std::int64_t> operands(std::int64_t at) const {
    std::int64_t a = 0, b = 0;
    for (int i = rank_ - 1; i >= 0; --i) {
      const auto axis = static_cast<std::size_t>(i);
      a += at % batch_[axis] * a_step_[axis];
      b += at % batch_[axis] * b_step_[axis];
      at /= batch_[axis];
    }
    return {a, b};
  }

 private:
  int rank_ = 0;
  std::int64_t count_ = 1;
  std::array<std::int64_t, kMaxRank> batch_{}, a_step_{}, b_step_{};  // steps in matrices
};

}  // namespace temper
