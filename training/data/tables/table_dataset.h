// A CSV file as a data set: numeric and categorical columns as inputs, one or more target columns.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "training/data/arrays/array_dataset.h"
#include "training/data/open_dataset.h"
#include "training/data/tables/table_scan.h"

namespace temper::training {

// Where the inputs are named as columns, each is that column; otherwise one input holds all of
// them, [columns]. One target column gives a value per row, several give [columns].
class TableDataset : public ArrayDataset {
 public:
  static std::unique_ptr<TableDataset> open(const std::string& path, const DataOptions& options);

  std::string where(std::size_t field, std::int64_t row) const override;
  void fit(std::span<const std::int64_t> training_rows) override;
  JsonValue preprocessing() const override;
  // The categories of a single categorical target.
  std::vector<std::string> class_names() const override;
  void read(std::span<const std::int64_t> rows, std::span<Tensor> out) const override;
  // The rows of each sequence, in the order of the file.
  // Sequences come in the order of their first rows; without data.sequence there is one.
  std::vector<std::vector<std::int64_t>> rows_of_sequences() const;

 private:
  TableDataset(std::vector<ArrayField> arrays, std::string fingerprint)
      : ArrayDataset(std::move(arrays), std::move(fingerprint)) {}
  void learn(std::size_t column, std::size_t field, std::int64_t offset,
             std::span<const std::int64_t> rows);
  void apply();
  bool is_adjusted(std::size_t column, std::size_t field) const;

  std::string path_;
  TableEncoding encoding_;
  std::vector<std::vector<std::size_t>> columns_;  // of each field, as places in the encoding
  std::vector<std::int64_t> lines_;                // in the file, of each row
  std::vector<std::string> ids_;                   // of each row's sequence; empty without
  bool fitted_ = false;
};

}  // namespace temper::training
