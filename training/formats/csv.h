// CSV files (RFC 4180 and what people write): a reader of rows that finds delimiter and header by
// itself. Quotes may hold delimiters, line ends and doubled quotes; CRLF, a byte order mark and
// blank lines are accepted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/memory/buffer.h"

namespace temper::training {

enum class CsvHeader { kAuto, kYes, kNo };

struct CsvOptions {
  CsvHeader header = CsvHeader::kAuto;
  char delimiter = '\0';  // '\0': the one of , ; tab | that splits the first lines evenly
  char decimal = '.';
  std::vector<std::string> missing_values = {"",    "?",    "NA",   "N/A", "NaN",
                                             "nan", "null", "NULL", "None"};
};

// Threading: one thread at a time.
class CsvReader {
 public:
  // Maps the file and settles delimiter and header. THROWS: kIo, kInvalidData (empty file, ragged
  // rows, header that cannot be told from data).
  CsvReader(std::string path, CsvOptions options);

  // Names from the header, or column_1, column_2, ...
  const std::vector<std::string>& columns() const { return columns_; }
  bool has_header() const { return has_header_; }
  char delimiter() const { return options_.delimiter; }

  // The next data row; the cells stay valid until the next call. False at the end.
  // THROWS: kInvalidData with file and line (wrong number of cells, quote without end).
  bool next(std::vector<std::string_view>& cells);
  // The line (from 1) on which the row last read begins.
  std::int64_t line() const { return row_line_; }
  // Back to the first data row.
  void rewind();

  bool is_missing(std::string_view cell) const;
  // The cell as a number, if it is one (with spaces around it or not). Infinity and numbers beyond
  // double's range are none.
  std::optional<double> number(std::string_view cell) const;

  // "data.csv:12: column 'age'", for messages.
  std::string where(std::int64_t line, std::size_t column) const;

 private:
  bool read_row(std::vector<std::string_view>& cells);
  std::string_view read_quoted();
  void find_delimiter();
  void find_header();

  std::string path_;
  CsvOptions options_;
  std::shared_ptr<Buffer> buffer_;
  std::string_view text_;
  std::size_t position_ = 0;
  std::size_t first_row_ = 0;
  std::int64_t next_line_ = 1;
  std::int64_t first_line_ = 1;
  std::int64_t row_line_ = 0;
  std::deque<std::string> unescaped_;  // cells of this row that had doubled quotes
  std::vector<std::string> columns_;
  bool has_header_ = false;
};

}  // namespace temper::training
