// The CSV reader: what people write, and what is wrong with it.
#include "training/formats/csv.h"

#include <gtest/gtest.h>

#include "tests/training/test_files.h"

namespace temper::training {
namespace {

using Rows = std::vector<std::vector<std::string>>;

Rows rows_of(CsvReader& reader) {
  Rows rows;
  std::vector<std::string_view> cells;
  while (reader.next(cells)) {
    rows.emplace_back(cells.begin(), cells.end());
  }
  return rows;
}

TEST(Csv, ReadsQuotesLineEndsAndBlankLines) {
  const TempFolder folder;
  const std::string path = folder.write(
      "a.csv", "\xef\xbb\xbfname,x\r\n\"a, \"\"b\"\"\",1\r\n\r\n\"two\nlines\",2\n,3\n\"\",\"4\"");
  CsvReader reader(path, {});
  EXPECT_EQ(reader.columns(), (std::vector<std::string>{"name", "x"}));
  EXPECT_EQ(rows_of(reader), (Rows{{"a, \"b\"", "1"}, {"two\nlines", "2"}, {"", "3"}, {"", "4"}}));
  EXPECT_EQ(reader.line(), 7);
  reader.rewind();
  std::vector<std::string_view> cells;
  ASSERT_TRUE(reader.next(cells));
  EXPECT_EQ(reader.line(), 2);
}

TEST(Csv, FindsTheDelimiter) {
  const TempFolder folder;
  const auto delimiter = [&](std::string_view text) {
    return CsvReader(folder.write("a.csv", text), {}).delimiter();
  };
  EXPECT_EQ(delimiter("a,b\n1,2\n"), ',');
  EXPECT_EQ(delimiter("a;b\n1,5;2\n3,25;1\n"), ';');
  EXPECT_EQ(delimiter("a\tb, c\n1\t2\n"), '\t');
  EXPECT_EQ(delimiter("a|b|c\n1|2|3\n"), '|');
  EXPECT_EQ(delimiter("a;b\n\"x,y,z\";1\n"), ';');
  EXPECT_EQ(delimiter("a\n1\n2\n"), ',');
}

TEST(Csv, FindsTheHeader) {
  const TempFolder folder;
  CsvReader with(folder.write("a.csv", "a,b\nx,2\n"), {});
  EXPECT_TRUE(with.has_header());
  CsvReader without(folder.write("b.csv", "x,1\ny,2\n"), {});
  EXPECT_FALSE(without.has_header());
  EXPECT_EQ(without.columns(), (std::vector<std::string>{"column_1", "column_2"}));
  EXPECT_EQ(rows_of(without).size(), 2u);
  const std::string path = folder.write("c.csv", "a,b\nx,y\n");
  expect_error([&] { CsvReader(path, {}); }, ErrorCode::kInvalidData, "data.header");
  CsvOptions options;
  options.header = CsvHeader::kYes;
  CsvReader told(path, options);
  EXPECT_EQ(rows_of(told), (Rows{{"x", "y"}}));
  options.header = CsvHeader::kNo;
  CsvReader told_not(path, options);
  EXPECT_EQ(rows_of(told_not).size(), 2u);
}

TEST(Csv, KnowsNumbersAndMissingValues) {
  const TempFolder folder;
  CsvReader reader(folder.write("a.csv", "a\n1\n"), {});
  EXPECT_EQ(reader.number(" -1.5e3 "), -1500.0);
  EXPECT_EQ(reader.number("+2"), 2.0);
  for (const char* text :
       {"", "1x", "0x10", "1,5", "nan", "inf", "-Infinity", "1e999", "--1", "+-1", "1 2"}) {
    EXPECT_EQ(reader.number(text), std::nullopt) << text;
  }
  EXPECT_TRUE(reader.is_missing(" NA "));
  EXPECT_FALSE(reader.is_missing("0"));
  CsvOptions options;
  options.decimal = ',';
  CsvReader comma(folder.write("b.csv", "a;b\n1,5;2\n"), options);
  EXPECT_EQ(comma.number("1,5"), 1.5);
}

TEST(Csv, SaysWhereItIsWrong) {
  const TempFolder folder;
  const auto refuses = [&](std::string_view text, const char* part) {
    const std::string path = folder.write("bad.csv", text);
    expect_error(
        [&] {
          CsvReader reader(path, {});
          rows_of(reader);
        },
        ErrorCode::kInvalidData, "bad.csv", part);
  };
  refuses("", "empty");
  refuses(" \n\n", "empty");
  refuses("a,b\n1,2\n3\n", ":3: the row has 1 cells, expected 2");
  refuses("a,b\n1,2\n3,4,5\n", ":3: the row has 3 cells");
  refuses("a,b\n1,\"2\n3,4\n", "never closed");
  refuses("a,b\n1,\"2\"x\n", ":2: text after a closing quote");
  refuses("a,a\n1,2\n", "two columns are named 'a'");
  refuses(std::string_view("\xff\xfe"
                           "a\0",
                           4),
          "byte 3 is zero");
}

}  // namespace
}  // namespace temper::training
