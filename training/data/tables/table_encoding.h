// How the columns of a table become numbers: learned from the training table, stored with the
// model, applied to every other table.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "training/formats/json.h"

namespace temper::training {

struct ColumnEncoding {
  std::string name;
  bool is_target = false;
  bool is_weight = false;  // of each row in the loss: a target that is none to predict
  bool is_categorical = false;
  bool is_integer = false;              // numeric, and every training value was a whole number
  std::vector<std::string> categories;  // sorted; the code is the index
  // Learned by fit() for numeric inputs: the value becomes (value - mean) / deviation when the
  // table is standardised, and a missing value becomes the mean.
  double mean = 0;
  double deviation = 1;

  // The code of a category, or -1.
  std::int64_t code_of(std::string_view category) const;
};

struct TableEncoding {
  std::vector<ColumnEncoding> columns;  // inputs in table order, then targets
  bool one_hot = false;                 // categorical inputs become one 0/1 value per category
  bool standardize = false;
  bool fill_missing = false;

  const ColumnEncoding* find(std::string_view name) const;
  // Values per row this column takes.
  std::int64_t width(const ColumnEncoding& column) const;

  JsonValue to_json() const;
  // THROWS: kInvalidData naming the key that is wrong.
  static TableEncoding from_json(const JsonValue& json);
};

}  // namespace temper::training
