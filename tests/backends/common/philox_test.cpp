#include "backends/common/philox.h"

#include <gtest/gtest.h>

namespace temper {
namespace {

// From Random123's kat_vectors: philox4x32, 10 rounds.
TEST(Philox, GivesTheKnownAnswersOfRandom123) {
  EXPECT_EQ(philox4x32_10({0, 0, 0, 0}, {0, 0}),
            (PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(
      philox4x32_10({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
      (PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(
      philox4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
      (PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, StreamPositionIsAWordOfABlock) {
  const PhiloxStream stream(0x299f31d0a4093822, 0x0370734413198a2e);
  const PhiloxBlock block =
      philox4x32_10({0x243f6a88, 0x05a308d3, 0x299f31d0, 0x03707344}, {0xa4093822, 0x13198a2e});
  const std::uint64_t number = 0x05a308d3243f6a88;
  for (std::uint64_t word = 0; word < 4; ++word) {
    EXPECT_EQ(stream.word(number * 4 + word), block[word]);
  }
}

TEST(Philox, UniformNumbersLieBelowOneAndAverageOneHalf) {
  EXPECT_EQ(philox_uniform(0), 0.0F);
  EXPECT_EQ(philox_uniform(0xffffffff), 1.0F - 0x1p-24F);
  const PhiloxStream stream(1, 2);
  double sum = 0;
  constexpr int kCount = 40000;
  for (std::uint64_t i = 0; i < kCount; ++i) {
    sum += static_cast<double>(philox_uniform(stream.word(i)));
  }
  EXPECT_NEAR(sum / kCount, 0.5, 0.006);  // four standard deviations
}

}  // namespace
}  // namespace temper
