#include "backends/common/flat_ranges.h"

#include <gtest/gtest.h>

namespace temper {
namespace {

class FlatRanges : public testing::Test {
 protected:
  // A tensor of floats at this byte offset of all four buffers.
  FlatRange at(std::int64_t offset, std::int64_t elements, std::int64_t group = 0) {
    return {p_ + offset, g_ + offset, {m_ + offset}, elements, group};
  }
  std::size_t merged(std::vector<FlatRange> tensors, bool over_padding = true) {
    merge_flat_ranges(tensors, sizeof(float), over_padding);
    ranges_ = tensors;
    return tensors.size();
  }

  alignas(64) std::byte p_[1024]{};
  alignas(64) std::byte g_[1024]{};
  alignas(64) std::byte m_[1024]{};
  std::vector<FlatRange> ranges_;
};

TEST_F(FlatRanges, JoinNeighboursOverZeroPadding) {
  ASSERT_EQ(merged({at(0, 3), at(64, 16), at(128, 5)}), 1U);
  EXPECT_EQ(ranges_[0].parameter, p_);
  EXPECT_EQ(ranges_[0].gradient, g_);
  EXPECT_EQ(ranges_[0].elements, 16 + 16 + 5);
}

TEST_F(FlatRanges, JoinTouchingTensorsEvenWithoutPadding) {
  EXPECT_EQ(merged({at(0, 3), at(12, 5)}, false), 1U);
  EXPECT_EQ(merged({at(0, 3), at(64, 5)}, false), 2U);
}

TEST_F(FlatRanges, StayApartWhereAnotherVariableLiesBetween) {
  EXPECT_EQ(merged({at(0, 3), at(128, 5)}), 2U);   // a whole slot at 64
  EXPECT_EQ(merged({at(0, 16), at(128, 5)}), 2U);  // a gap of exactly one slot
  EXPECT_EQ(merged({at(0, 3), at(20, 5)}), 2U);    // not an aligned start: no padding
}

TEST_F(FlatRanges, StayApartInDifferentGroups) {
  EXPECT_EQ(merged({at(0, 16, 0), at(64, 16, 1), at(128, 16, 1)}), 2U);
}

TEST_F(FlatRanges, StayApartWhereOneBufferAdvancesOtherwise) {
  FlatRange second = at(64, 5);
  second.gradient += 64;
  EXPECT_EQ(merged({at(0, 16), second}), 2U);
  second = at(64, 5);
  second.states[0] = nullptr;
  EXPECT_EQ(merged({at(0, 16), second}), 2U);
  EXPECT_EQ(merged({at(64, 16), at(0, 16)}), 2U);  // backwards
}

}  // namespace
}  // namespace temper
