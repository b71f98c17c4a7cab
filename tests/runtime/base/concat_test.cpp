// concat(): every kind of part, and that texts and characters are what was given.
#include "runtime/base/concat.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "runtime/base/dtype.h"
#include "runtime/base/error.h"

namespace temper {
namespace {

struct Named {
  std::string text;
};
std::string to_string(const Named& named) { return "<" + named.text + ">"; }

enum class Colour { kRed };
std::string_view to_string(Colour) { return "red"; }

TEST(Concat, WritesNumbersOfEveryWidth) {
  EXPECT_EQ(concat(std::numeric_limits<std::int64_t>::min(), " ",
                   std::numeric_limits<std::uint64_t>::max()),
            "-9223372036854775808 18446744073709551615");
  EXPECT_EQ(concat(std::int8_t{-5}, " ", std::uint8_t{200}, " ", std::int16_t{-300}, " ",
                   std::uint16_t{60000}, " ", -7, " ", 7U, " ", 8L, " ", 9LL),
            "-5 200 -300 60000 -7 7 8 9");
}

TEST(Concat, WritesTheShortestNumberThatReadsBackEqualInItsOwnType) {
  EXPECT_EQ(concat(0.1F, " ", 0.1, " ", static_cast<double>(0.1F)), "0.1 0.1 0.10000000149011612");
}

TEST(Concat, WritesBoolsAsWordsAndCharactersAsThemselves) {
  EXPECT_EQ(concat(true, ' ', false, 'x'), "true falsex");
}

TEST(Concat, TakesTextsOfAllKinds) {
  const std::string string = "b";
  const std::string_view view = "cd";
  const char* pointer = "e";
  EXPECT_EQ(concat("a", string, view, pointer, std::string("f")), "abcdef");
}

TEST(Concat, TakesWhateverHasToString) {
  EXPECT_EQ(concat(Named{"n"}, " ", Colour::kRed, " ", DType::kFloat32), "<n> red f32");
}

TEST(Concat, RefusesAddresses) {
  static_assert(!std::is_constructible_v<TextPart, int*>);
  static_assert(!std::is_constructible_v<TextPart, const void*>);
  static_assert(std::is_constructible_v<TextPart, char*>);
}

TEST(Concat, JoinsElementsWithASeparator) {
  EXPECT_EQ(join(std::vector<bool>{true, false}, ", "), "true, false");
  EXPECT_EQ(join(std::vector<Named>{{"a"}, {"b"}}, "+"), "<a>+<b>");
  EXPECT_EQ(join(std::vector<int>{}, ", "), "");
}

TEST(Concat, IsTheMessageOfACheckAndOfAnAssertion) {
  try {
    TEMPER_CHECK(1 + 1 == 3, ErrorCode::kInvalidData, "row ", 3, " is ", Named{"bad"});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.message(), "row 3 is <bad>");
    EXPECT_EQ(error.code(), ErrorCode::kInvalidData);
  }
  try {
    TEMPER_ASSERT(1 + 1 == 3, "sums differ by ", 1);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(error.message().find("1 + 1 == 3 does not hold"), std::string::npos);
    EXPECT_NE(error.message().find(": sums differ by 1 "), std::string::npos);
  }
}

}  // namespace
}  // namespace temper
