// Tables: the second pass, which writes the columns as numbers, and what fit() learns.
#include "training/data/tables/table_dataset.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "training/data/fingerprint.h"
#include "training/data/wanted_fields.h"

namespace temper::training {
namespace {

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  return begin == std::string_view::npos
             ? std::string_view()
             : text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// A field to be built: its columns and how the model wants them.
struct Plan {
  WantedField wanted;
  bool is_target = false;
  std::vector<std::size_t> columns;  // places in the encoding
};

// The columns of a role: all names, and their places in the encoding.
struct RoleColumns {
  std::vector<std::string> names;
  std::vector<std::size_t> places;

  RoleColumns(const TableScan& scan, bool is_target) {
    for (std::size_t i = 0; i < scan.encoding.columns.size(); ++i) {
      if (scan.encoding.columns[i].is_target == is_target &&
          scan.file_columns[i] != TableScan::kAbsent) {
        places.push_back(i);
        names.push_back(scan.encoding.columns[i].name);
      }
    }
  }
};

// One field per wanted name that is a column of the role. One that is none holds all columns that
// no other asks for by `array`.
std::vector<Plan> plan_role(const TableScan& scan, const std::string& path,
                            const std::vector<WantedField>& wanted, bool is_target) {
  const RoleColumns columns(scan, is_target);
  if (columns.names.empty()) {
    return {};
  }
  std::vector<Plan> plans;
  std::vector<WantedField> rest;
  std::vector<std::size_t> taken;
  bool all_by_array = true;
  for (const WantedField& field : wanted) {
    const std::string& column = field.array.empty() ? field.name : field.array;
    const auto found = std::find(columns.names.begin(), columns.names.end(), column);
    if (found == columns.names.end()) {
      TEMPER_CHECK(field.array.empty(), ErrorCode::kInvalidData, path, " has no column '", column,
                   "' among its ", is_target ? "targets" : "inputs", " (",
                   join(columns.names, ", "), ")");
      rest.push_back(field);
      continue;
    }
    const std::size_t place =
        columns.places[static_cast<std::size_t>(found - columns.names.begin())];
    all_by_array = all_by_array && !field.array.empty();
    taken.push_back(place);
    plans.push_back({field, is_target, {place}});
  }
  if (rest.empty() && !wanted.empty()) {
    return plans;
  }
  TEMPER_CHECK(rest.size() <= 1 && (plans.empty() || all_by_array), ErrorCode::kInvalidData, path,
               is_target ? ": several targets" : ": several inputs",
               " need one column each, by name; the columns are ", join(columns.names, ", "));
  Plan others{rest.empty() ? WantedField{} : rest.front(), is_target, {}};
  for (const std::size_t place : columns.places) {
    if (std::find(taken.begin(), taken.end(), place) == taken.end() &&
        !scan.encoding.columns[place].is_weight) {
      others.columns.push_back(place);
    }
  }
  TEMPER_CHECK(!others.columns.empty(), ErrorCode::kInvalidData, path, " has no column for the ",
               is_target ? "target" : "input", " '", others.wanted.name, "'; the columns are ",
               join(columns.names, ", "));
  if (others.wanted.name.empty()) {
    others.wanted.name = is_target ? "target" : "input";
  }
  plans.insert(plans.begin(), std::move(others));
  return plans;
}

DType default_dtype(const TableEncoding& encoding, const Plan& plan) {
  const bool whole = std::all_of(plan.columns.begin(), plan.columns.end(), [&](std::size_t c) {
    const ColumnEncoding& column = encoding.columns[c];
    return column.is_categorical || (plan.is_target && column.is_integer);
  });
  return whole && plan.columns.size() == 1 && !(encoding.one_hot && !plan.is_target)
             ? DType::kInt64
             : DType::kFloat32;
}

ArrayField make_field(const TableScan& scan, const Plan& plan, const std::string& path,
                      const DataOptions& options) {
  std::int64_t width = 0;
  for (const std::size_t c : plan.columns) {
    width += scan.encoding.width(scan.encoding.columns[c]);
  }
  // A single target column is one value per row, as class labels and regression targets are.
  const bool scalar = plan.is_target && plan.columns.size() == 1;
  Tensor values(DType::kFloat64, scalar ? Shape{scan.rows} : Shape{scan.rows, width}, {},
                "the columns of a table");
  WantedField wanted = plan.wanted;
  if (wanted.dtype == DType::kUndefined) {
    wanted.dtype = default_dtype(scan.encoding, plan);
  }
  return make_array_field(std::move(values), wanted, plan.is_target, path, options);
}

// Writes one cell's value(s) at `out`.
void write_cell(const CsvReader& reader, const TableEncoding& encoding,
                const ColumnEncoding& column, std::size_t place, std::string_view cell,
                double* out) {
  const bool missing = reader.is_missing(cell);
  if (column.is_categorical) {
    TEMPER_CHECK(!missing || encoding.fill_missing, ErrorCode::kInvalidData,
                 reader.where(reader.line(), place), ": the value is missing");
    const std::int64_t code = column.code_of(missing ? std::string_view() : trimmed(cell));
    TEMPER_CHECK(code >= 0, ErrorCode::kInvalidData, reader.where(reader.line(), place), ": '",
                 cell, "' is a category that the training table did not have; it had ",
                 column.categories.size() <= 20 ? join(column.categories, ", ")
                                                : concat(column.categories.size(), " others"));
    const std::int64_t width = encoding.width(column);
    if (width == 1 && !(encoding.one_hot && !column.is_target)) {
      *out = static_cast<double>(code);
    } else {
      std::fill(out, out + width, 0.0);
      out[code] = 1.0;
    }
    return;
  }
  const std::optional<double> number = reader.number(cell);
  if (missing && encoding.fill_missing && !column.is_target) {
    *out = std::numeric_limits<double>::quiet_NaN();
    return;
  }
  TEMPER_CHECK(number.has_value(), ErrorCode::kInvalidData, reader.where(reader.line(), place),
               missing ? std::string(": the value is missing")
                       : concat(": '", cell, "' is no finite number"));
  TEMPER_CHECK(std::fabs(*number) <= static_cast<double>(std::numeric_limits<float>::max()),
               ErrorCode::kInvalidData, reader.where(reader.line(), place), ": ", cell,
               " is more than f32 holds");
  *out = *number;
}

// A column that is kept as it is written; one without a name is none.
class TextColumn {
 public:
  TextColumn(const CsvReader& reader, const std::string& path, const std::string& name,
             std::string_view key) {
    const std::vector<std::string>& columns = reader.columns();
    const auto found = std::find(columns.begin(), columns.end(), name);
    TEMPER_CHECK(name.empty() || found != columns.end(), ErrorCode::kInvalidData, path,
                 " has no column '", name, "', which ", key, " names; it has ",
                 join(columns, ", "));
    place_ = name.empty() ? TableScan::kAbsent : static_cast<std::size_t>(found - columns.begin());
  }

  void take(const std::vector<std::string_view>& cells) {
    if (place_ != TableScan::kAbsent) {
      texts_.emplace_back(trimmed(cells[place_]));
    }
  }
  std::vector<std::string>& texts() { return texts_; }

 private:
  std::size_t place_ = TableScan::kAbsent;
  std::vector<std::string> texts_;
};

CsvOptions csv_options(const DataSettings& settings) {
  CsvOptions options;
  if (settings.header != "auto") {
    options.header = settings.header == "yes" ? CsvHeader::kYes : CsvHeader::kNo;
  }
  if (!settings.delimiter.empty()) {
    options.delimiter = settings.delimiter.front();
  }
  options.decimal = settings.decimal.front();
  if (!settings.missing_values.empty()) {
    options.missing_values = settings.missing_values;
  }
  return options;
}

}  // namespace

std::unique_ptr<TableDataset> TableDataset::open(const std::string& path,
                                                 const DataOptions& options) {
  CsvReader reader(path, csv_options(options.settings));
  TableScan scan = scan_table(reader, path, options);
  std::vector<Plan> plans = plan_role(scan, path, options.inputs, false);
  for (Plan& plan : plan_role(scan, path, options.targets, true)) {
    plans.push_back(std::move(plan));
  }
  std::vector<ArrayField> arrays;
  std::vector<double*> cursors;
  for (const Plan& plan : plans) {
    arrays.push_back(make_field(scan, plan, path, options));
    cursors.push_back(static_cast<double*>(arrays.back().array.data()));
  }
  std::vector<std::int64_t> lines;
  lines.reserve(static_cast<std::size_t>(scan.rows));
  std::vector<std::string_view> cells;
  TextColumn ids(reader, path, options.settings.sequence, "data.sequence");
  reader.rewind();
  while (reader.next(cells)) {
    lines.push_back(reader.line());
    ids.take(cells);
    for (std::size_t f = 0; f < plans.size(); ++f) {
      for (const std::size_t c : plans[f].columns) {
        const ColumnEncoding& column = scan.encoding.columns[c];
        const std::size_t place = scan.file_columns[c];
        write_cell(reader, scan.encoding, column, place, cells[place], cursors[f]);
        cursors[f] += scan.encoding.width(column);
      }
    }
  }
  std::unique_ptr<TableDataset> data(
      new TableDataset(std::move(arrays), fingerprint_files({path}, options.hash_everything)));
  data->path_ = path;
  data->encoding_ = std::move(scan.encoding);
  data->lines_ = std::move(lines);
  data->ids_ = std::move(ids.texts());
  if (!data->ids_.empty() && options.settings.window == 0) {
    data->set_sequences(data->ids_, concat(path, ", column '", options.settings.sequence, "'"));
  }
  for (Plan& plan : plans) {
    data->columns_.push_back(std::move(plan.columns));
  }
  const bool stored = !options.preprocessing.is_null();
  data->fitted_ = !data->encoding_.standardize && !data->encoding_.fill_missing;
  if (stored && !data->fitted_) {
    data->apply();
  }
  return data;
}

std::vector<std::vector<std::int64_t>> TableDataset::rows_of_sequences() const {
  std::vector<std::vector<std::int64_t>> sequences;
  std::map<std::string_view, std::size_t> known;
  for (std::int64_t row = 0; row < count(); ++row) {
    const std::string_view id =
        ids_.empty() ? std::string_view() : ids_[static_cast<std::size_t>(row)];
    const auto [found, is_new] = known.emplace(id, sequences.size());
    if (is_new) {
      sequences.emplace_back();
    }
    sequences[found->second].push_back(row);
  }
  return sequences;
}

std::string TableDataset::where(std::size_t field, std::int64_t row) const {
  const std::int64_t line = lines_.at(static_cast<std::size_t>(row));
  const std::vector<std::size_t>& columns = columns_.at(field);
  return columns.size() == 1
             ? concat(path_, ":", line, ": column '", encoding_.columns[columns[0]].name, "'")
             : concat(path_, ":", line);
}

std::vector<std::string> TableDataset::class_names() const {
  const ColumnEncoding* target = nullptr;
  for (const ColumnEncoding& column : encoding_.columns) {
    if (column.is_target && target != nullptr) {
      return {};
    }
    target = column.is_target ? &column : target;
  }
  return target != nullptr && target->is_categorical ? target->categories
                                                     : std::vector<std::string>{};
}

// Codes, targets and inputs delivered as integers stay as they are.
bool TableDataset::is_adjusted(std::size_t column, std::size_t field) const {
  return !encoding_.columns[column].is_categorical && !encoding_.columns[column].is_target &&
         is_float(fields()[field].dtype);
}

void TableDataset::learn(std::size_t column, std::size_t field, std::int64_t offset,
                         std::span<const std::int64_t> rows) {
  const Tensor& array = arrays()[field].array;
  const std::int64_t width = array.shape().count(1, array.shape().rank());
  const double* values = array.span<double>().data() + offset;
  double sum = 0;
  std::int64_t count = 0;
  for (const std::int64_t row : rows) {
    const double value = values[row * width];
    sum += std::isnan(value) ? 0 : value;
    count += std::isnan(value) ? 0 : 1;
  }
  ColumnEncoding& encoding = encoding_.columns[column];
  TEMPER_CHECK(count > 0, ErrorCode::kInvalidData, path_, ": column '", encoding.name,
               "' has no values in the training rows");
  encoding.mean = sum / static_cast<double>(count);
  double squares = 0;
  for (const std::int64_t row : rows) {
    const double value = values[row * width];
    squares += std::isnan(value) ? 0 : (value - encoding.mean) * (value - encoding.mean);
  }
  const double deviation = std::sqrt(squares / static_cast<double>(count));
  encoding.deviation = deviation > 0 ? deviation : 1.0;  // a constant column becomes 0
}

void TableDataset::fit(std::span<const std::int64_t> training_rows) {
  if (fitted_) {
    return;
  }
  for (std::size_t f = 0; f < columns_.size(); ++f) {
    std::int64_t offset = 0;
    for (const std::size_t c : columns_[f]) {
      if (is_adjusted(c, f)) {
        learn(c, f, offset, training_rows);
      }
      offset += encoding_.width(encoding_.columns[c]);
    }
  }
  apply();
}

void TableDataset::apply() {
  for (std::size_t f = 0; f < columns_.size(); ++f) {
    Tensor& array = arrays()[f].array;
    const std::int64_t width = array.shape().count(1, array.shape().rank());
    std::int64_t offset = 0;
    for (const std::size_t c : columns_[f]) {
      const ColumnEncoding& column = encoding_.columns[c];
      if (is_adjusted(c, f)) {
        double* values = array.span<double>().data() + offset;
        for (std::int64_t row = 0; row < count(); ++row) {
          double& value = values[row * width];
          value = std::isnan(value) ? column.mean : value;
          value = encoding_.standardize ? (value - column.mean) / column.deviation : value;
        }
      }
      offset += encoding_.width(column);
    }
  }
  fitted_ = true;
}

JsonValue TableDataset::preprocessing() const {
  TEMPER_ASSERT(fitted_, "fit() must be called before a table's preprocessing is asked for");
  return encoding_.to_json();
}

void TableDataset::read(std::span<const std::int64_t> rows, std::span<Tensor> out) const {
  TEMPER_ASSERT(fitted_, "fit() must be called before a table is read");
  ArrayDataset::read(rows, out);
}

}  // namespace temper::training
