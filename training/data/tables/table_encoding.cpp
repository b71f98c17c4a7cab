// JSON form of a table's encoding.
#include "training/data/tables/table_encoding.h"

#include <algorithm>
#include <cmath>

namespace temper::training {

std::int64_t ColumnEncoding::code_of(std::string_view category) const {
  const auto found = std::lower_bound(categories.begin(), categories.end(), category);
  return found != categories.end() && *found == category ? found - categories.begin() : -1;
}

const ColumnEncoding* TableEncoding::find(std::string_view name) const {
  for (const ColumnEncoding& column : columns) {
    if (column.name == name) {
      return &column;
    }
  }
  return nullptr;
}

std::int64_t TableEncoding::width(const ColumnEncoding& column) const {
  return column.is_categorical && one_hot && !column.is_target
             ? static_cast<std::int64_t>(column.categories.size())
             : 1;
}

JsonValue TableEncoding::to_json() const {
  JsonValue json = JsonValue::object();
  json.set("kind", "table");
  json.set("one_hot", one_hot);
  json.set("standardize", standardize);
  json.set("fill_missing", fill_missing);
  JsonValue list = JsonValue::array();
  for (const ColumnEncoding& column : columns) {
    JsonValue entry = JsonValue::object();
    entry.set("name", column.name);
    entry.set("target", column.is_target);
    if (column.is_weight) {
      entry.set("weight", true);
    }
    if (column.is_categorical) {
      entry.set("categories", JsonValue::array_of(column.categories));
    } else {
      entry.set("integer", column.is_integer);
      entry.set("mean", column.mean);
      entry.set("deviation", column.deviation);
    }
    list.push_back(std::move(entry));
  }
  json.set("columns", std::move(list));
  return json;
}

TableEncoding TableEncoding::from_json(const JsonValue& json) {
  TableEncoding encoding;
  const std::string& kind = json.at("kind").as_string("kind");
  TEMPER_CHECK(kind == "table", ErrorCode::kInvalidData, "the stored preprocessing is of kind '",
               kind, "', expected 'table'");
  encoding.one_hot = json.at("one_hot").as_bool("one_hot");
  encoding.standardize = json.at("standardize").as_bool("standardize");
  encoding.fill_missing = json.at("fill_missing").as_bool("fill_missing");
  for (const JsonValue& entry : json.at("columns").as_array("columns")) {
    ColumnEncoding column;
    column.name = entry.at("name").as_string("name");
    column.is_target = entry.at("target").as_bool("target");
    const JsonValue* weight = entry.find("weight");
    column.is_weight = weight != nullptr && weight->as_bool("weight");
    if (const JsonValue* categories = entry.find("categories")) {
      column.is_categorical = true;
      for (const JsonValue& category : categories->as_array("categories")) {
        column.categories.push_back(category.as_string("a category"));
      }
      TEMPER_CHECK(std::is_sorted(column.categories.begin(), column.categories.end()),
                   ErrorCode::kInvalidData, "the stored categories of column '", column.name,
                   "' are not sorted");
    } else {
      column.is_integer = entry.at("integer").as_bool("integer");
      column.mean = entry.at("mean").as_double("mean");
      column.deviation = entry.at("deviation").as_double("deviation");
      TEMPER_CHECK(
          std::isfinite(column.mean) && std::isfinite(column.deviation) && column.deviation > 0,
          ErrorCode::kInvalidData, "the stored mean or deviation of column '", column.name,
          "' is no positive finite number");
    }
    encoding.columns.push_back(std::move(column));
  }
  return encoding;
}

}  // namespace temper::training
