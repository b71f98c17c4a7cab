// A keyed permutation of 0..n-1 that is computed element by element: shuffling without a list, so
// the position in a shuffled epoch is one integer.
#pragma once

#include <array>
#include <cstdint>

namespace temper::training {

// A Feistel network over the smallest power of two that holds n, walked until the value is below n
// (Black and Rogaway 2002, "Ciphers with arbitrary finite domains"). A bijection for every n and
// key.
class KeyedPermutation {
 public:
  // REQUIRES: count >= 0.
  KeyedPermutation(std::int64_t count, std::uint64_t seed, std::uint64_t stream);

  std::int64_t count() const { return count_; }
  // REQUIRES: 0 <= index < count.
  std::int64_t operator()(std::int64_t index) const;

 private:
  static constexpr int kRounds = 12;
  std::uint64_t encrypt(std::uint64_t value) const;

  std::int64_t count_;
  int low_bits_ = 0;
  int high_bits_ = 0;
  std::array<std::uint64_t, kRounds> keys_{};
};

}  // namespace temper::training
