// The Feistel network: halves of unequal width take turns in being changed by a hash of the other.
#include "training/data/permutation.h"

#include <bit>

#include "runtime/base/error.h"

namespace temper::training {
namespace {

// The finaliser of splitmix64 (Steele, Lea, Flood 2014).
std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

std::uint64_t mask(int bits) { return (std::uint64_t{1} << bits) - 1; }

}  // namespace

KeyedPermutation::KeyedPermutation(std::int64_t count, std::uint64_t seed, std::uint64_t stream)
    : count_(count) {
  TEMPER_ASSERT(count >= 0 && count < (std::int64_t{1} << 62));
  const int bits = count > 1 ? std::bit_width(static_cast<std::uint64_t>(count - 1)) : 0;
  low_bits_ = bits / 2;
  high_bits_ = bits - low_bits_;
  std::uint64_t key = mix(mix(seed) ^ stream);
  for (std::uint64_t& round_key : keys_) {
    key = mix(key);
    round_key = key;
  }
}

std::uint64_t KeyedPermutation::encrypt(std::uint64_t value) const {
  std::uint64_t low = value & mask(low_bits_);
  std::uint64_t high = value >> low_bits_;
  for (int round = 0; round < kRounds; ++round) {
    const std::uint64_t key = keys_[static_cast<std::size_t>(round)];
    if (round % 2 == 0) {
      high ^= mix(key ^ low) & mask(high_bits_);
    } else {
      low ^= mix(key ^ high) & mask(low_bits_);
    }
  }
  return high << low_bits_ | low;
}

std::int64_t KeyedPermutation::operator()(std::int64_t index) const {
  TEMPER_ASSERT(index >= 0 && index < count_, "index ", index, " of ", count_);
  auto value = static_cast<std::uint64_t>(index);
  do {
    value = encrypt(value);
  } while (value >= static_cast<std::uint64_t>(count_));
  return static_cast<std::int64_t>(value);
}

}  // namespace temper::training
