// Sums of floats in fixed point, which come out the same in any order: for gradients that scatter.
// Everything is counted in a power of two far below the largest number that is added.
#pragma once

#include <cstddef>
#include <cstdint>

namespace temper::cuda {

struct FixedSums {
  unsigned long long* sums = nullptr;  // two's complement
  int* special = nullptr;              // per sum: kInfinity, kMinusInfinity, kNan
  int* top = nullptr;                  // one number: 2^top is above all that is given
  int spare = 0;                       // 2^spare is above the weights that a sum may collect

  static constexpr int kInfinity = 1, kMinusInfinity = 2, kNan = 4;
  static constexpr int kNothing = -(1 << 30);  // top: all is 0

  static std::size_t bytes(std::int64_t count) {
    return static_cast<std::size_t>(count) * (sizeof(unsigned long long) + sizeof(int)) +
           sizeof(int);
  }
  static FixedSums in(void* workspace, std::int64_t count, double most_weight) {
    FixedSums made;
    made.sums = static_cast<unsigned long long*>(workspace);
    made.special = reinterpret_cast<int*>(made.sums + count);
    made.top = made.special + count;
    for (double bound = 1; bound < most_weight; bound *= 2) {
      ++made.spare;
    }
    return made;
  }
};

}  // namespace temper::cuda
