// Philox4x32-10 (backends/common/philox.h) in operators of the standard on int64: the same words,
// so a mask is the one that the kernels draw. Products of 32 bits are added up from halves, since
// int64 does not hold them.
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "graph/ir/builder.h"

namespace temper::graph {

class WrittenPhilox {
 public:
  WrittenPhilox(Builder& b, std::uint64_t seed, std::uint64_t random_id)
      : b_(b),
        key_{low_half(seed), low_half(random_id)},
        high_{high_half(seed), high_half(random_id)} {}

  // The words at positions `first` (a scalar) to `first` + count - 1: int64 [count], each below
  // 2^32.
  ValueId words(ValueId first, std::int64_t count) {
    const std::int64_t blocks = count / 4 + 2;  // the first may begin in the middle of one
    const ValueId block = b_.add(range(blocks), b_.div(first, number(4)));
    std::array<ValueId, 4> counter = {b_.op("Mod", {block, number(kTwo32)}),
                                      b_.div(block, number(kTwo32)), number(high_[0]),
                                      number(high_[1])};
    std::array<std::int64_t, 2> key = key_;
    for (int round = 0; round < 10; ++round) {
      const auto [a_high, a_low] = product(0xD2511F53, counter[0]);
      const auto [b_high, b_low] = product(0xCD9E8D57, counter[2]);
      counter = {exclusive_or(exclusive_or(b_high, counter[1]), number(key[0])), b_low,
                 exclusive_or(exclusive_or(a_high, counter[3]), number(key[1])), a_low};
      key[0] = (key[0] + 0x9E3779B9) % kTwo32;
      key[1] = (key[1] + 0xBB67AE85) % kTwo32;
    }
    std::vector<ValueId> columns;
    for (const ValueId word : counter) {
      columns.push_back(b_.reshape(word, {blocks, 1}));
    }
    const ValueId all =
        b_.reshape(b_.op("Concat", columns, {{"axis", std::int64_t{1}}}), {4 * blocks});
    const ValueId places = b_.add(range(count), b_.op("Mod", {first, number(4)}));
    return b_.op("Gather", {all, places}, {{"axis", std::int64_t{0}}});
  }

 private:
  static constexpr std::int64_t kTwo16 = std::int64_t{1} << 16;
  static constexpr std::int64_t kTwo32 = std::int64_t{1} << 32;

  static std::int64_t low_half(std::uint64_t value) {
    return static_cast<std::int64_t>(value & 0xFFFFFFFFu);
  }
  static std::int64_t high_half(std::uint64_t value) {
    return static_cast<std::int64_t>(value >> 32);
  }
  ValueId number(std::int64_t value) {
    return b_.scalar(DType::kInt64, static_cast<double>(value));
  }
  ValueId range(std::int64_t count) {
    return b_.op("Range", {number(0), number(count), number(1)});
  }
  ValueId exclusive_or(ValueId a, ValueId b) { return b_.op("BitwiseXor", {a, b}); }

  // The high and the low 32 bits of factor * value.
  std::pair<ValueId, ValueId> product(std::int64_t factor, ValueId value) {
    const ValueId low = b_.mul(value, number(factor % kTwo16));
    const ValueId middle =
        b_.add(b_.mul(value, number(factor / kTwo16)), b_.div(low, number(kTwo16)));
    return {b_.div(middle, number(kTwo16)),
            b_.add(b_.mul(b_.op("Mod", {middle, number(kTwo16)}), number(kTwo16)),
                   b_.op("Mod", {low, number(kTwo16)}))};
  }

  Builder& b_;
  std::array<std::int64_t, 2> key_, high_;
};

}  // namespace temper::graph
