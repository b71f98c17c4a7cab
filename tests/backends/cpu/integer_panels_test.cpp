// The inner loops of products of bytes, each set that the processor has: sums of products in
// integers, at the ends of the ranges too, where AVX2's own product of bytes is cut off.
#include "backends/cpu/integer_panels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace temper::cpu {
namespace {

// Rows of pieces and a panel of `vectors`; what lies behind a row is no 0.
struct Product {
  std::int64_t rows, pieces, depth, lanes;
  std::vector<std::uint8_t> x;
  std::vector<std::int8_t> w;  // [pieces][depth][lanes]
  std::vector<std::int8_t> panel;
  std::vector<std::int32_t> start;
  std::vector<const std::uint8_t*> pointers;

  Product(std::int64_t row_count, std::int64_t piece_count, std::int64_t bytes, int vectors)
      : rows(row_count), pieces(piece_count), depth(bytes), lanes(vectors * kIntegerLanes) {
    const std::int64_t filled = (depth + kIntegerDepth - 1) / kIntegerDepth * kIntegerDepth;
    for (std::int64_t i = 0; i < rows * pieces * (depth + 5); ++i) {
      x.push_back(static_cast<std::uint8_t>(i % 3 == 0 ? 255 : i * 37 % 256));
    }
    for (std::int64_t j = 0; j < lanes; ++j) {
      start.push_back(static_cast<std::int32_t>(1000 * j - 7));
    }
    panel.resize(static_cast<std::size_t>(pieces * filled * lanes));
    for (std::int64_t p = 0; p < pieces; ++p) {
      for (std::int64_t k = 0; k < depth; ++k) {
        for (std::int64_t j = 0; j < lanes; ++j) {
          const std::int64_t i = (p * depth + k) * lanes + j;
          w.push_back(static_cast<std::int8_t>(i % 5 == 0   ? -128
                                               : i % 5 == 1 ? 127
                                                            : i * 29 % 256 - 128));
          const std::int64_t at = p * filled + k;
          panel[static_cast<std::size_t>((at / kIntegerDepth * lanes + j) * kIntegerDepth +
                                         at % kIntegerDepth)] = w.back();
        }
      }
      for (std::int64_t r = 0; r < rows; ++r) {
        pointers.push_back(x.data() + (r * pieces + p) * (depth + 5));
      }
    }
  }
  std::int32_t sum(std::int64_t r, std::int64_t j) const {
    std::int32_t total = start[static_cast<std::size_t>(j)];
    for (std::int64_t p = 0; p < pieces; ++p) {
      for (std::int64_t k = 0; k < depth; ++k) {
        total += x[static_cast<std::size_t>((r * pieces + p) * (depth + 5) + k)] *
                 w[static_cast<std::size_t>((p * depth + k) * lanes + j)];
      }
    }
    return total;
  }
  std::vector<std::int32_t> by(IntegerKernel kernel) const {
    std::vector<std::int32_t> sums(static_cast<std::size_t>(rows * lanes));
    kernel({pointers.data(), rows, pieces, depth, panel.data(), start.data()}, sums.data());
    return sums;
  }
};

TEST(IntegerPanels, SumsAreExact) {
  if (integer_kernels_here().empty()) {
    GTEST_SKIP() << "no instruction for it";
  }
  for (const IntegerKernels* kernels : integer_kernels_here()) {
    for (int vectors = 1; vectors <= kIntegerVectors; ++vectors) {
      for (const std::int64_t depth : {1, 4, 7, 64, 129}) {
        for (const std::int64_t pieces : {1, 3}) {
          const auto form = static_cast<std::size_t>(vectors - 1);
          for (const bool one : {false, true}) {
            const Product product(one ? 1 : kernels->rows[form], pieces, depth, vectors);
            const auto sums = product.by(one ? kernels->one[form] : kernels->many[form]);
            for (std::int64_t i = 0; i < static_cast<std::int64_t>(sums.size()); ++i) {
              ASSERT_EQ(sums[static_cast<std::size_t>(i)],
                        product.sum(i / product.lanes, i % product.lanes))
                  << kernels->instructions << ", vectors " << vectors << ", depth " << depth
                  << ", pieces " << pieces << ", element " << i;
            }
          }
        }
      }
    }
  }
}

// w of piece p and channel c, its ends among them.
std::int8_t channel_weight(std::int64_t p, std::int64_t c) {
  const std::int64_t i = p * 61 + c;
  return static_cast<std::int8_t>(i % 7 == 0 ? -128 : i % 7 == 1 ? 127 : i * 31 % 256 - 128);
}

TEST(IntegerPanels, SumsOfEachChannelAreExact) {
  if (integer_kernels_here().empty()) {
    GTEST_SKIP() << "no instruction for it";
  }
  constexpr std::int64_t kPlaces = 5, kFirst = 3;
  for (const IntegerKernels* kernels : integer_kernels_here()) {
    for (const std::int64_t pieces : {1, 4, 6, 9, 25}) {
      for (const std::int64_t width : {1, 16, 37, 64}) {
        const std::int64_t row = kFirst + width;  // nothing lies behind the last
        std::vector<std::uint8_t> x;
        for (std::int64_t i = 0; i < pieces * kPlaces * row; ++i) {
          x.push_back(static_cast<std::uint8_t>(i % 3 == 0 ? 255 : i * 37 % 256));
        }
        std::vector<const std::uint8_t*> pointers;
        for (std::int64_t i = 0; i < pieces * kPlaces; ++i) {
          pointers.push_back(x.data() + i * row);
        }
        std::vector<std::int8_t> panel(static_cast<std::size_t>((pieces + 3) / 4 * 256));
        std::vector<std::int32_t> start;
        for (std::int64_t c = 0; c < kChannelPanel; ++c) {
          start.push_back(static_cast<std::int32_t>(17 - 500 * c));
          for (std::int64_t p = 0; p < pieces && c < width; ++p) {
            panel[static_cast<std::size_t>(p / 4 * 256 + c % 16 / 4 * 64 + c / 16 * 16 + c % 4 * 4 +
                                           p % 4)] = channel_weight(p, c);
          }
        }
        std::vector<std::int32_t> sums(static_cast<std::size_t>(kPlaces * kChannelPanel));
        kernels->channels(
            {pointers.data(), kPlaces, pieces, kFirst, width, panel.data(), start.data()}, kPlaces,
            sums.data());
        for (std::int64_t i = 0; i < kPlaces * width; ++i) {
          const std::int64_t place = i / width, c = i % width;
          std::int32_t sum = start[static_cast<std::size_t>(c)];
          for (std::int64_t p = 0; p < pieces; ++p) {
            sum += pointers[static_cast<std::size_t>(p * kPlaces + place)][kFirst + c] *
                   channel_weight(p, c);
          }
          ASSERT_EQ(sums[static_cast<std::size_t>(place * kChannelPanel + c)], sum)
              << kernels->instructions << ", pieces " << pieces << ", width " << width
              << ", element " << i;
        }
      }
    }
  }
}

// (sum * factor + addend) between bounds, rounded to the nearest even where it lies between two.
TEST(IntegerPanels, SumsAreFinishedAlike) {
  for (const IntegerKernels* kernels : integer_kernels_here()) {
    for (const std::int64_t width : {3, 16, 40, 64}) {
      constexpr std::int64_t kRows = 3;
      std::vector<std::int32_t> sums;
      std::vector<float> factor(64, 0.25f), addend;
      for (std::int64_t i = 0; i < kRows * 64; ++i) {
        sums.push_back(static_cast<std::int32_t>(i * 53 % 1200 - 600));
      }
      for (std::int64_t j = 0; j < 64; ++j) {
        addend.push_back(static_cast<float>(j % 3) * 0.25f);
      }
      const IntegerFinish finish{factor.data(), addend.data(), -90, 60, -38};  // -128 to 22
      std::vector<std::int8_t> bytes(static_cast<std::size_t>(kRows * width));
      std::vector<float> floats(bytes.size());
      kernels->to_bytes({sums.data(), 64, kRows, width, bytes.data(), width}, finish);
      kernels->to_floats({sums.data(), 64, kRows, width, floats.data(), width}, finish);
      for (std::int64_t i = 0; i < kRows * width; ++i) {
        const std::int64_t j = i % width;
        const double v = sums[static_cast<std::size_t>(i / width * 64 + j)] * 0.25 +
                         static_cast<double>(addend[static_cast<std::size_t>(j)]);
        const double held = std::min(60.0, std::max(-90.0, v));
        ASSERT_EQ(floats[static_cast<std::size_t>(i)], static_cast<float>(held));
        ASSERT_EQ(bytes[static_cast<std::size_t>(i)], std::nearbyint(held) - 38)
            << kernels->instructions << ", width " << width << ", element " << i;
      }
    }
  }
}

}  // namespace
}  // namespace temper::cpu
