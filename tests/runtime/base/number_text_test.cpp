// Numbers as text and back: as printf writes them in the C locale.
#include "runtime/base/number_text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <limits>

#include "runtime/base/concat.h"
#include "runtime/base/text_bytes.h"

namespace temper {
namespace {

TEST(NumberText, IsWhatPrintfWrites) {
  for (const double value :
       {0.0, 1.0, -2.5, 0.00012345, 123456789.0, 1e-300, 1e300, 0.5, 2.0 / 3}) {
    for (int digits = 0; digits < 10; ++digits) {
      char expected[512];
      std::snprintf(expected, sizeof expected, "%.*f", digits, value);
      EXPECT_EQ(fixed_text(value, digits), expected);
      std::snprintf(expected, sizeof expected, "%.*g", digits, value);
      EXPECT_EQ(digits_text(value, digits), expected);
    }
  }
}

TEST(NumberText, OfWhatIsNoNumberHasNoSign) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double value : {nan, -nan}) {
    EXPECT_EQ(fixed_text(value, 2), "nan");
    EXPECT_EQ(digits_text(value, 2), "nan");
    EXPECT_EQ(concat(value), "nan");
    EXPECT_EQ(concat(static_cast<float>(value)), "nan");
  }
  EXPECT_EQ(digits_text(-std::numeric_limits<double>::infinity(), 2), "-inf");
}

TEST(NumberText, IsReadOnlyAsAWhole) {
  EXPECT_EQ(read_number("1e-3"), 1e-3);
  EXPECT_EQ(read_number("-2.5"), -2.5);
  EXPECT_EQ(read_number("inf"), std::numeric_limits<double>::infinity());
  for (const char* text : {"", " 1", "1 ", "1,5", "1.5x", "x"}) {
    EXPECT_FALSE(read_number(text)) << text;
  }
}

TEST(TextBytes, KnowWhereUtf8IsWellFormed) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"));
  for (const char* text :
       {"\xff", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80"}) {
    EXPECT_FALSE(is_utf8(text));
  }
  EXPECT_EQ(utf8_length("\xe2\x82\xac"), 3u);
  EXPECT_EQ(utf8_length("a", 1), 0u);
}

}  // namespace
}  // namespace temper
