// The inner loops of products of bytes, each set that the processor has: sums of products in
// integers, at the ends of the ranges too, where AVX2's own product of bytes is cut off.
#include "backends/cpu/integer_panels.h"

#include <gtest/gtest.h>

#include <vector>

namespace temper::cpu {
namespace {

// Rows of pieces and a panel of `vectors`; what lies behind a row is no 0.
struct Product {
  std::int64_t rows, pieces, depth, lanes;
  std::vector<std::uint8_t> x;
  std::vector<std::int8_t> w;  // [pieces][depth][lanes]
  std::vector<std::int8_t> panel;
  std::vector<const std::uint8_t*> pointers;

  Product(std::int64_t row_count, std::int64_t piece_count, std::int64_t bytes, int vectors)
      : rows(row_count), pieces(piece_count), depth(bytes), lanes(vectors * kIntegerLanes) {
    const std::int64_t filled = (depth + kIntegerDepth - 1) / kIntegerDepth * kIntegerDepth;
    for (std::int64_t i = 0; i < rows * pieces * (depth + 5); ++i) {
      x.push_back(static_cast<std::uint8_t>(i % 3 == 0 ? 255 : i * 37 % 256));
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
    std::int32_t total = 0;
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
    kernel({pointers.data(), rows, pieces, depth, panel.data()}, sums.data());
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

}  // namespace
}  // namespace temper::cpu
