// The CSV reader: one pass over the mapped text, cells are views of it.
#include "training/formats/csv.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/base/number_text.h"
#include "training/formats/mapped_buffer.h"

namespace temper::training {
namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
    text.remove_prefix(1);
  }
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
    text.remove_suffix(1);
  }
  return text;
}

std::string delimiter_name(char delimiter) {
  return delimiter == '\t' ? "tab" : std::string(1, delimiter);
}

}  // namespace

CsvReader::CsvReader(std::string path, CsvOptions options)
    : path_(std::move(path)), options_(std::move(options)), buffer_(map_buffer(path_)) {
  text_ = {reinterpret_cast<const char*>(buffer_->data()), buffer_->bytes()};
  const std::size_t nul = text_.substr(0, 65536).find('\0');
  TEMPER_CHECK(nul == std::string_view::npos, ErrorCode::kInvalidData, path_,
               " is no text file: byte ", nul, " is zero (UTF-16 must be converted to UTF-8)");
  if (text_.starts_with("\xef\xbb\xbf")) {
    position_ = first_row_ = 3;
  }
  TEMPER_CHECK(text_.find_first_not_of("\r\n \t", position_) != std::string_view::npos,
               ErrorCode::kInvalidData, path_, " is empty");
  if (options_.delimiter == '\0') {
    find_delimiter();
  }
  find_header();
}

void CsvReader::rewind() {
  position_ = first_row_;
  next_line_ = first_line_;
}

std::string CsvReader::where(std::int64_t line, std::size_t column) const {
  return concat(path_, ":", line, ": column '",
                column < columns_.size() ? std::string_view(columns_[column]) : "?", "'");
}

bool CsvReader::is_missing(std::string_view cell) const {
  cell = trim(cell);
  return std::find(options_.missing_values.begin(), options_.missing_values.end(), cell) !=
         options_.missing_values.end();
}

std::optional<double> CsvReader::number(std::string_view cell) const {
  cell = trim(cell);
  std::string changed;
  if (options_.decimal != '.' && cell.find(options_.decimal) != std::string_view::npos) {
    changed = cell;
    std::replace(changed.begin(), changed.end(), options_.decimal, '.');
    cell = changed;
  }
  if (cell.size() > 1 && cell.front() == '+' && cell[1] != '-') {
    cell.remove_prefix(1);
  }
  const std::optional<double> value = read_number(cell);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

// At an opening quote; leaves the position after the closing one.
std::string_view CsvReader::read_quoted() {
  const std::size_t start = ++position_;
  std::string* copy = nullptr;
  std::size_t piece = start;
  while (true) {
    const std::size_t quote = text_.find('"', position_);
    TEMPER_CHECK(quote != std::string_view::npos, ErrorCode::kInvalidData, path_, ":", next_line_,
                 ": a quote is never closed");
    next_line_ += std::count(text_.begin() + static_cast<std::ptrdiff_t>(position_),
                             text_.begin() + static_cast<std::ptrdiff_t>(quote), '\n');
    position_ = quote + 1;
    const bool doubled = position_ < text_.size() && text_[position_] == '"';
    if (!doubled && copy == nullptr) {
      return text_.substr(start, quote - start);
    }
    if (copy == nullptr) {
      copy = &unescaped_.emplace_back();
    }
    copy->append(text_.substr(piece, quote - piece));
    if (!doubled) {
      return *copy;
    }
    *copy += '"';
    piece = ++position_;
  }
}

bool CsvReader::read_row(std::vector<std::string_view>& cells) {
  cells.clear();
  unescaped_.clear();
  while (position_ < text_.size() && (text_[position_] == '\n' || text_[position_] == '\r')) {
    next_line_ += text_[position_] == '\n' ? 1 : 0;  // blank lines
    ++position_;
  }
  if (position_ >= text_.size()) {
    return false;
  }
  row_line_ = next_line_;
  while (true) {
    if (position_ < text_.size() && text_[position_] == '"') {
      cells.push_back(read_quoted());
    } else {
      const std::size_t start = position_;
      while (position_ < text_.size() && text_[position_] != options_.delimiter &&
             text_[position_] != '\n' && text_[position_] != '\r') {
        ++position_;
      }
      cells.push_back(text_.substr(start, position_ - start));
    }
    if (position_ >= text_.size()) {
      return true;
    }
    const char next = text_[position_];
    if (next == options_.delimiter) {
      ++position_;
      continue;
    }
    TEMPER_CHECK(next == '\n' || next == '\r', ErrorCode::kInvalidData, path_, ":", next_line_,
                 ": text after a closing quote, expected '", delimiter_name(options_.delimiter),
                 "' or the end of the line");
    position_ += next == '\r' && text_.substr(position_, 2) == "\r\n" ? 2 : 1;
    ++next_line_;
    return true;
  }
}

bool CsvReader::next(std::vector<std::string_view>& cells) {
  if (!read_row(cells)) {
    return false;
  }
  TEMPER_CHECK(cells.size() == columns_.size(), ErrorCode::kInvalidData, path_, ":", row_line_,
               ": the row has ", cells.size(), " cells, expected ", columns_.size(),
               " (delimiter '", delimiter_name(options_.delimiter), "')");
  return true;
}

// The candidate that splits the first rows into the same number of cells, the more the better.
void CsvReader::find_delimiter() {
  constexpr std::string_view kCandidates = ",;\t|";
  constexpr int kRows = 20;
  std::size_t most = 1;
  char best = ',';
  std::vector<std::string_view> cells;
  for (const char candidate : kCandidates) {
    options_.delimiter = candidate;
    rewind();
    std::size_t count = 0;
    try {
      for (int row = 0; row < kRows && read_row(cells); ++row) {
        if (row > 0 && cells.size() != count) {
          count = 0;
          break;
        }
        count = cells.size();
      }
    } catch (const Error&) {
      count = 0;  // quotes do not fit this candidate; a real fault is reported by the reading
    }
    if (count > most) {
      most = count;
      best = candidate;
    }
  }
  options_.delimiter = best;
}

void CsvReader::find_header() {
  rewind();
  std::vector<std::string_view> cells;
  read_row(cells);
  const std::vector<std::string> first(cells.begin(), cells.end());
  const std::size_t after_first = position_;
  const std::int64_t line_after_first = next_line_;
  const auto is_number = [&](std::string_view cell) { return number(cell).has_value(); };
  if (options_.header == CsvHeader::kAuto) {
    const bool first_has_number = std::any_of(first.begin(), first.end(), is_number);
    const bool has_second = read_row(cells);
    const bool second_has_number = has_second && std::any_of(cells.begin(), cells.end(), is_number);
    TEMPER_CHECK(first_has_number || second_has_number, ErrorCode::kInvalidData, path_,
                 ":1: cannot tell whether the first line is a header: neither it nor the next has "
                 "a number. Write data.header = \"yes\" or \"no\"");
    has_header_ = !first_has_number;
  } else {
    has_header_ = options_.header == CsvHeader::kYes;
  }
  if (has_header_) {
    std::set<std::string> seen;
    for (std::size_t i = 0; i < first.size(); ++i) {
      std::string name(trim(first[i]));
      name = name.empty() ? concat("column_", i + 1) : name;
      TEMPER_CHECK(seen.insert(name).second, ErrorCode::kInvalidData, path_,
                   ":1: two columns are named '", name, "'");
      columns_.push_back(std::move(name));
    }
    first_row_ = after_first;
    first_line_ = line_after_first;
  } else {
    for (std::size_t i = 0; i < first.size(); ++i) {
      columns_.push_back(concat("column_", i + 1));
    }
  }
  rewind();
}

}  // namespace temper::training
