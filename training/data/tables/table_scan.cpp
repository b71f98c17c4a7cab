// Learning the columns of a table.
#include "training/data/tables/table_scan.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>
#include <string_view>

namespace temper::training {
namespace {

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) {
    return {};
  }
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

struct Seen {
  std::int64_t numbers = 0;
  std::int64_t first_number_line = 0;
  std::int64_t texts = 0;
  std::int64_t first_text_line = 0;
  std::string first_text;
  std::int64_t missing = 0;
  std::int64_t first_missing_line = 0;
  bool all_integer = true;
  bool keep_categories = false;
  std::set<std::string, std::less<>> categories;

  void add(const CsvReader& reader, std::string_view cell, bool declared_categorical) {
    if (reader.is_missing(cell)) {
      first_missing_line = missing++ == 0 ? reader.line() : first_missing_line;
      return;
    }
    const std::optional<double> number = reader.number(cell);
    if (number.has_value()) {
      first_number_line = numbers++ == 0 ? reader.line() : first_number_line;
      all_integer = all_integer && *number == std::floor(*number);
    } else {
      if (texts++ == 0) {
        first_text_line = reader.line();
        first_text = trimmed(cell);
      }
    }
    if (declared_categorical || !number.has_value()) {
      cell = trimmed(cell);
      if (categories.find(cell) == categories.end()) {
        categories.emplace(cell);
      }
    }
  }
};

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void require_columns(const CsvReader& reader, const std::string& path,
                     const std::vector<std::string>& names, std::string_view key) {
  for (const std::string& name : names) {
    TEMPER_CHECK(contains(reader.columns(), name), ErrorCode::kInvalidData, path,
                 " has no column '", name, "' (asked for by ", key, "); it has ",
                 join(reader.columns(), ", "),
                 reader.has_header() ? "" : ". The file has no header line");
  }
}

std::vector<std::string> target_columns(const CsvReader& reader, const DataSettings& settings) {
  if (!settings.target.empty()) {
    return settings.target;
  }
  for (const char* name : {"target", "label", "class", "y"}) {
    if (contains(reader.columns(), name)) {
      return {name};
    }
  }
  return {reader.columns().back()};
}

bool has_decimal_comma(const CsvReader& reader, std::string text) {
  const std::size_t comma = text.find(',');
  if (comma == std::string::npos) {
    return false;
  }
  text[comma] = '.';
  return reader.number(text).has_value();
}

ColumnEncoding learn_column(const CsvReader& reader, std::size_t place, const Seen& seen,
                            bool categorical, bool is_target, bool fill_missing) {
  const std::string& name = reader.columns()[place];
  ColumnEncoding column;
  column.name = name;
  column.is_target = is_target;
  TEMPER_CHECK(seen.numbers + seen.texts > 0, ErrorCode::kInvalidData,
               reader.where(seen.first_missing_line, place),
               " has no values; write data.drop = [\"", name, "\"]");
  TEMPER_CHECK(seen.missing == 0 || (fill_missing && !is_target), ErrorCode::kInvalidData,
               reader.where(seen.first_missing_line, place), ": the value is missing (",
               seen.missing, " in this column)",
               is_target ? "; a target must be there"
                         : "; write data.fill_missing = true to use the column's mean");
  TEMPER_CHECK(categorical || seen.numbers == 0 || seen.texts == 0, ErrorCode::kInvalidData,
               reader.where(seen.first_text_line, place), ": '", seen.first_text,
               "' is no number, but line ", seen.first_number_line,
               " has one. Write data.categorical = [\"", name,
               "\"] if these are categories, or add the word to data.missing_values");
  TEMPER_CHECK(categorical || !has_decimal_comma(reader, seen.first_text), ErrorCode::kInvalidData,
               reader.where(seen.first_text_line, place), ": '", seen.first_text,
               "' looks like a number with a decimal comma; write data.decimal = \",\", or "
               "data.categorical = [\"",
               name, "\"] if these are categories");
  column.is_categorical = categorical || seen.texts > 0;
  if (column.is_categorical) {
    column.categories.assign(seen.categories.begin(), seen.categories.end());
    if (seen.missing > 0) {
      column.categories.insert(column.categories.begin(), "");  // a missing one is its own
    }
  } else {
    column.is_integer = seen.all_integer;
  }
  return column;
}

TableScan learn(CsvReader& reader, const std::string& path, const DataOptions& options) {
  const DataSettings& table = options.settings;
  require_columns(reader, path, table.target, "data.target or a loss");
  if (!options.sample_weight.empty()) {
    require_columns(reader, path, {options.sample_weight}, "loss.sample_weight");
  }
  require_columns(reader, path, table.categorical, "data.categorical");
  require_columns(reader, path, table.drop, "data.drop");
  const std::vector<std::string> targets = target_columns(reader, table);
  const bool past_targets = table.window > 0 && table.horizon > 0;
  TableScan scan;
  std::vector<Seen> seen(reader.columns().size());
  std::vector<bool> declared;
  for (const std::string& name : reader.columns()) {
    declared.push_back(contains(table.categorical, name));
  }
  std::vector<std::string_view> cells;
  while (reader.next(cells)) {
    ++scan.rows;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      seen[i].add(reader, cells[i], declared[i]);
    }
  }
  TEMPER_CHECK(scan.rows > 0, ErrorCode::kInvalidData, path,
               " is empty: it has a header and no rows");
  scan.encoding.one_hot = table.one_hot;
  scan.encoding.standardize = table.standardize;
  scan.encoding.fill_missing = table.fill_missing;
  const auto add = [&](std::size_t place, bool is_target) {
    scan.encoding.columns.push_back(
        learn_column(reader, place, seen[place], declared[place], is_target, table.fill_missing));
    scan.file_columns.push_back(place);
  };
  for (std::size_t i = 0; i < reader.columns().size(); ++i) {
    const std::string& name = reader.columns()[i];
    // What is to be told of coming rows is known of those in the window.
    const bool is_past = past_targets && !declared[i] && seen[i].texts == 0;
    if (!contains(table.drop, name) && (!contains(targets, name) || is_past) &&
        name != options.sample_weight && name != table.sequence) {
      add(i, false);
    }
  }
  TEMPER_CHECK(!scan.encoding.columns.empty(), ErrorCode::kInvalidData, path,
               " has no input columns: all are targets or dropped");
  const auto place_of = [&](const std::string& name) {
    return static_cast<std::size_t>(
        std::find(reader.columns().begin(), reader.columns().end(), name) -
        reader.columns().begin());
  };
  for (const std::string& name : targets) {
    add(place_of(name), true);
  }
  if (!options.sample_weight.empty()) {
    add(place_of(options.sample_weight), true);
    scan.encoding.columns.back().is_weight = true;
  }
  return scan;
}

TableScan use_stored(CsvReader& reader, const std::string& path, const DataOptions& options) {
  TableScan scan;
  scan.encoding = TableEncoding::from_json(options.preprocessing);
  for (const ColumnEncoding& column : scan.encoding.columns) {
    const auto found = std::find(reader.columns().begin(), reader.columns().end(), column.name);
    const bool there = found != reader.columns().end();
    TEMPER_CHECK(there || (column.is_target && !options.require_targets), ErrorCode::kInvalidData,
                 path, " has no column '", column.name, "', which the training table had; it has ",
                 join(reader.columns(), ", "));
    scan.file_columns.push_back(there ? static_cast<std::size_t>(found - reader.columns().begin())
                                      : TableScan::kAbsent);
  }
  std::vector<std::string_view> cells;
  while (reader.next(cells)) {
    ++scan.rows;
  }
  TEMPER_CHECK(scan.rows > 0, ErrorCode::kInvalidData, path,
               " is empty: it has a header and no rows");
  return scan;
}

}  // namespace

TableScan scan_table(CsvReader& reader, const std::string& path, const DataOptions& options) {
  return options.preprocessing.is_null() ? learn(reader, path, options)
                                         : use_stored(reader, path, options);
}

}  // namespace temper::training
