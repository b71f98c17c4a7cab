// Rows that are kept in memory in place of those of the data set they were made from: features that
// a frozen part of a model gave.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "training/data/dataset_over.h"

namespace temper::training {

class StoredDataset : public DatasetOver {
 public:
  struct Column {
    Field field;
    Tensor values;           // [rows, the field's row shape...], plain
    std::ptrdiff_t of = -1;  // the field of the data set below that it is; -1: another
  };
  // `rows`: those of `data` that the columns hold, in their order; no other may be read.
  StoredDataset(std::unique_ptr<Dataset> data, std::span<const std::int64_t> rows,
                std::vector<Column> columns);

  const std::vector<Field>& fields() const override { return fields_; }
  void read(std::span<const std::int64_t> rows, std::span<Tensor> out) const override;
  std::vector<std::int64_t> labels(std::size_t field) const override;
  // Of values that are none of the data below none is out of range.
  std::optional<OutsideValue> find_outside(std::size_t field,
                                           const AllowedValues& allowed) const override;
  std::span<const std::int64_t> row_sizes(std::size_t field) const override;
  bool decodes() const override { return false; }
  std::string where(std::size_t field, std::int64_t row) const override;

 private:
  std::vector<Column> columns_;
  std::vector<Field> fields_;
  std::vector<std::int64_t> places_;  // of each row of the data below; -1: not held
};

}  // namespace temper::training
