#include "backends/common/flat_ranges.h"

#include <gtest/gtest.h>

namespace temper {
namespace {

class FlatRanges : public testing::Test {
 protected:
  // A tensor of floats at this byte offset of all four buffers.
  FlatRange at(std::int64_t offset, std::int64_t elements, std::int64_t group = 0) {
    return {p_ + offset, g_ + offset, {m_ + offset}, nullptr, elements, group};
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

TEST_F(FlatRanges, JoinOnlyWhereCopiesIn16BitsLieWithoutGapsToo) {
  alignas(64) std::byte copies[512]{};
  FlatRange first = at(0, 32), second = at(128, 5);
  first.copy = copies;
  EXPECT_EQ(merged({first, second}), 2U);  // one has no copy
  second.copy = copies + 64;
  EXPECT_EQ(merged({first, second}), 1U);
  second.copy = copies + 128;
  EXPECT_EQ(merged({first, second}), 2U);
  FlatRange padded = at(0, 17), after = at(128, 5);
  padded.copy = copies;
  after.copy = copies + 64;
  EXPECT_EQ(merged({padded, at(64, 5), after}), 3U);
}

}  // namespace
}  // namespace temper
