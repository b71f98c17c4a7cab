// JSON values: strict parsing, deterministic text.
#include "training/formats/json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/training/test_files.h"

namespace temper::training {
namespace {

TEST(Json, WritesWhatItReadKeepingTheOrderOfKeys) {
  const std::string text =
      R"({"b": [1, -2.5, true, null, "x\u0001\"\\"], "a": {}, "big": 9007199254740993})";
  EXPECT_EQ(parse_json(text, "t").text(), text);
}

TEST(Json, IndentsWhenAsked) {
  EXPECT_EQ(parse_json(R"({"a":[1,2],"b":{}})", "t").text(2),
            "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {}\n}");
}

TEST(Json, WritesNonFiniteNumbersAsStringsThatReadBack) {
  JsonValue value;
  value.set("nan", std::nan(""));
  value.set("inf", -std::numeric_limits<double>::infinity());
  EXPECT_EQ(value.text(), R"({"nan": "NaN", "inf": "-Infinity"})");
  const JsonValue back = parse_json(value.text(), "t");
  EXPECT_TRUE(std::isnan(back.at("nan").as_double("nan")));
  EXPECT_EQ(back.at("inf").as_double("inf"), -std::numeric_limits<double>::infinity());
}

TEST(Json, WritesTheShortestNumberThatReadsBackEqual) {
  EXPECT_EQ(JsonValue(0.1).text(), "0.1");
  EXPECT_EQ(JsonValue(1e-300).text(), "1e-300");
  EXPECT_EQ(parse_json(JsonValue(1.0 / 3).text(), "t").as_double(""), 1.0 / 3);
}

TEST(Json, ReplacesBytesThatAreNoUtf8) {
  std::string out;
  append_json_string(out, "a\xff\xc3\xa9\xed\xa0\x80");
  EXPECT_EQ(out, "\"a\\ufffd\xc3\xa9\\ufffd\\ufffd\\ufffd\"");
}

TEST(Json, RefusesWhatIsNotStrictlyJson) {
  const auto refuses = [](const std::string& text, const char* part) {
    expect_error([&] { parse_json(text, "file.json"); }, ErrorCode::kInvalidData, "file.json",
                 part);
  };
  refuses("", "");
  refuses("{", "byte");
  refuses("[1,]", "byte");
  refuses("[1] x", "byte");
  refuses("\"\xff\"", "UTF-8");
  refuses(R"({"a": 1, "b": {"a": 2}, "a": 3})", "'a' is there twice");
  refuses("1e400", "");
  refuses("18446744073709551615", "64 signed bits");
  refuses(std::string(100'000, '['), "nested deeper than 64");
}

TEST(Json, NamesTheValueOfAWrongType) {
  const JsonValue value = parse_json(R"({"a": "x"})", "t");
  expect_error([&] { value.at("a").as_int("a"); }, ErrorCode::kInvalidData,
               "a is a string, expected an integer");
  expect_error([&] { value.at("b"); }, ErrorCode::kInvalidData, "'b' is missing");
}

}  // namespace
}  // namespace temper::training
