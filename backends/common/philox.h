// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3"): random numbers as a
// pure function of a key and a counter, so any element can be drawn alone, by any thread, on any
// device.
#pragma once

#include <array>
#include <cstdint>

namespace temper {

using PhiloxBlock = std::array<std::uint32_t, 4>;
using PhiloxKey = std::array<std::uint32_t, 2>;

constexpr PhiloxBlock philox4x32_10(PhiloxBlock counter, PhiloxKey key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53u} * counter[0];
    const std::uint64_t b = std::uint64_t{0xCD9E8D57u} * counter[2];
    counter = {
        static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
        static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return counter;
}

// The stream of one random node: position i lies in word i % 4 of block i / 4. The low halves of
// seed and id are the key, their high halves the upper counter words.
class PhiloxStream {
 public:
  constexpr PhiloxStream(std::uint64_t seed, std::uint64_t random_id)
      : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(random_id)},
        high_{static_cast<std::uint32_t>(seed >> 32), static_cast<std::uint32_t>(random_id >> 32)} {
  }

  constexpr const PhiloxKey& key() const { return key_; }
  constexpr const PhiloxKey& high() const { return high_; }

  constexpr PhiloxBlock block(std::uint64_t number) const {
    return philox4x32_10({static_cast<std::uint32_t>(number),
                          static_cast<std::uint32_t>(number >> 32), high_[0], high_[1]},
                         key_);
  }
  constexpr std::uint32_t word(std::uint64_t position) const {
    return block(position / 4)[position % 4];
  }

 private:
  PhiloxKey key_;
  PhiloxKey high_;
};

// [0, 1) in steps of 2^-24: exact in float.
constexpr float philox_uniform(std::uint32_t word) {
  return static_cast<float>(word >> 8) * 0x1p-24f;
}

}  // namespace temper
