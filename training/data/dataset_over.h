// A data set that stands over another and changes what it delivers: everything else is the other's.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "training/data/dataset.h"

namespace temper::training {

class DatasetOver : public Dataset {
 public:
  std::int64_t count() const override { return data_->count(); }
  const std::vector<Field>& fields() const override { return data_->fields(); }
  std::vector<std::int64_t> labels(std::size_t field) const override {
    return data_->labels(field);
  }
  std::optional<OutsideValue> find_outside(std::size_t field,
                                           const AllowedValues& allowed) const override {
    return data_->find_outside(field, allowed);
  }
  std::span<const std::int64_t> row_sizes(std::size_t field) const override {
    return data_->row_sizes(field);
  }
  void deliver_size(std::size_t field, std::int64_t size, std::optional<double> pad) override {
    data_->deliver_size(field, size, pad);
  }
  bool decodes() const override { return data_->decodes(); }
  std::string where(std::size_t field, std::int64_t row) const override {
    return data_->where(field, row);
  }
  std::vector<std::string> class_names() const override { return data_->class_names(); }
  std::int64_t rows_apart() const override { return data_->rows_apart(); }
  std::vector<std::int64_t> sequences() const override { return data_->sequences(); }
  bool rows_adjoin() const override { return data_->rows_adjoin(); }
  std::string description() const override { return data_->description(); }
  std::vector<std::string> remarks() const override { return data_->remarks(); }
  const std::string& fingerprint() const override { return data_->fingerprint(); }
  void fit(std::span<const std::int64_t> training_rows) override { data_->fit(training_rows); }
  JsonValue preprocessing() const override { return data_->preprocessing(); }

 protected:
  explicit DatasetOver(std::unique_ptr<Dataset> data) : data_(std::move(data)) {}

  const Dataset& below() const { return *data_; }

 private:
  std::unique_ptr<Dataset> data_;
};

}  // namespace temper::training
