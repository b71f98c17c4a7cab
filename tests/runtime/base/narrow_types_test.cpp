// Narrow types against ml_dtypes and onnx (tools/oracle/narrow_types.py), and ONNX's packing.
#include "runtime/base/narrow_types.h"

#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace temper::test {
namespace {

using Numbers = std::vector<double>;

// The lines of the expected values of one kind, by type.
std::map<DType, Numbers> expected(const std::string& wanted) {
  std::map<DType, Numbers> found;
  std::ifstream file(TEMPER_SOURCE_DIR "/tests/runtime/base/expected/narrow_types.txt");
  for (std::string line; std::getline(file, line);) {
    std::istringstream in(line);
    std::string kind, type;
    in >> kind >> type;
    if (kind != wanted) {
      continue;
    }
    for (std::string number; in >> number;) {
      found[dtype_from_name(type)].push_back(std::stod(number));
    }
  }
  EXPECT_FALSE(found.empty()) << wanted;
  return found;
}

Numbers inputs() { return expected("inputs").at(DType::kFloat32); }

bool same_number(double a, double b) {
  return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b));
}

TEST(NarrowTypes, CodesStandForTheNumbersOfTheFormat) {
  for (const auto& [dtype, numbers] : expected("numbers")) {
    for (std::size_t code = 0; code < numbers.size(); ++code) {
      EXPECT_TRUE(same_number(narrow_values(dtype)[code], numbers[code]))
          << to_string(dtype) << ", code " << code << ": " << narrow_values(dtype)[code]
          << ", expected " << numbers[code];
    }
  }
}

void expect_codes(DType dtype, const Numbers& numbers, const Numbers& codes,
                  NarrowRounding rounding) {
  ASSERT_EQ(numbers.size(), codes.size());
  const auto& values = narrow_values(dtype);
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const std::uint8_t code = narrow_code(dtype, numbers[i], rounding);
    // NaN has a sign and several codes in some formats.
    const bool both_nan =
        std::isnan(values[code]) && std::isnan(values[static_cast<std::size_t>(codes[i])]);
    EXPECT_TRUE(both_nan || code == codes[i])
        << to_string(dtype) << " of " << numbers[i] << ": code " << int{code} << ", expected "
        << codes[i];
  }
}

TEST(NarrowTypes, NumbersAreRoundedToTheNearestAndSaturate) {
  for (const auto& [dtype, codes] : expected("saturated")) {
    expect_codes(dtype, inputs(), codes, {});
  }
}

TEST(NarrowTypes, WithoutSaturationLargeNumbersAreInfinityOrNan) {
  for (const auto& [dtype, codes] : expected("unsaturated")) {
    if (dtype != DType::kFloat4E2M1) {  // has neither: ONNX saturates it always
      expect_codes(dtype, inputs(), codes, {.saturate = false});
    }
  }
}

TEST(NarrowTypes, PowersOfTwoAreRoundedAsAsked) {
  Numbers sizes = inputs();
  for (double& size : sizes) {
    size = std::abs(size);
  }
  for (const auto& [mode, power] : {std::pair{"up", PowerRounding::kUp},
                                    {"nearest", PowerRounding::kNearest},
                                    {"down", PowerRounding::kDown}}) {
    Numbers codes = expected(mode).at(DType::kFloat8E8M0);
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      if (std::isinf(sizes[i])) {  // the standard's table has the largest number, its script NaN
        codes[i] = 254;
      }
    }
    expect_codes(DType::kFloat8E8M0, sizes, codes, {.power = power});
  }
}

TEST(NarrowTypes, IntegersWrap) {
  for (const auto& [dtype, numbers] : expected("wrapped")) {
    for (int i = -20; i <= 20; ++i) {
      const double got = narrow_values(dtype)[narrow_code(dtype, i)];
      EXPECT_EQ(got, numbers[static_cast<std::size_t>(i + 20)]) << to_string(dtype) << " of " << i;
    }
  }
}

TEST(NarrowTypes, LowestAndHighestAreTheFiniteEnds) {
  for (const auto& [dtype, numbers] : expected("numbers")) {
    double low = 0, high = 0;
    for (const double number : numbers) {
      low = std::isfinite(number) ? std::min(low, number) : low;
      high = std::isfinite(number) ? std::max(high, number) : high;
    }
    EXPECT_EQ(narrow_highest(dtype), high) << to_string(dtype);
    EXPECT_EQ(narrow_lowest(dtype), low == 0 ? 0x1p-127 : low) << to_string(dtype);
  }
  EXPECT_EQ(narrow_lowest(DType::kInt4), -8);
  EXPECT_EQ(narrow_highest(DType::kInt4), 7);
  EXPECT_EQ(narrow_lowest(DType::kUInt2), 0);
  EXPECT_EQ(narrow_highest(DType::kUInt2), 3);
}

TEST(NarrowTypes, PackingBeginsWithTheLowBits) {
  const std::uint8_t packed[] = {0x2f, 0x08};
  std::uint8_t codes[3] = {};
  unpack_codes(DType::kInt4, packed, 3, codes);
  EXPECT_EQ(narrow_values(DType::kInt4)[codes[0]], -1);
  EXPECT_EQ(narrow_values(DType::kInt4)[codes[1]], 2);
  EXPECT_EQ(narrow_values(DType::kInt4)[codes[2]], -8);
  std::uint8_t back[2] = {0xff, 0xff};
  pack_codes(DType::kInt4, codes, 3, back);
  EXPECT_EQ(std::memcmp(back, packed, 2), 0);
  std::uint8_t pairs[4] = {};
  const std::uint8_t quarter[] = {0xe4};
  unpack_codes(DType::kUInt2, quarter, 4, pairs);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(pairs[i], i);
  }
}

}  // namespace
}  // namespace temper::test
