// Windows of time over a table with a row per step: a sample is some rows one after the other, its
// targets the same columns in the rows behind them.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "training/data/tables/table_dataset.h"

namespace temper::training {

// Inputs are [window, columns]. Targets are of the data.horizon rows after the window, [columns] of
// the only one or [horizon, columns], with horizon = 0 of its last row; with data.per_step of each
// of its rows, moved by data.horizon: [window, columns]. A single target column leaves its
// dimension out. A window lies within one sequence (data.sequence), whose rows come in the order of
// the file; rows of others may stand between them.
class WindowDataset : public Dataset {
 public:
  // Whether the settings, or what is stored with a model, ask for windows.
  static bool is_asked(const DataOptions& options);
  // Without targets (prediction) windows reach up to the last row. THROWS: as TableDataset::open();
  // kInvalidData when no sequence is as long as a window with its target.
  static std::unique_ptr<WindowDataset> open(const std::string& path, const DataOptions& options);

  std::int64_t count() const override { return static_cast<std::int64_t>(begins_.size()); }
  const std::vector<Field>& fields() const override { return fields_; }
  void read(std::span<const std::int64_t> rows, std::span<Tensor> out) const override;
  std::vector<std::int64_t> labels(std::size_t field) const override;
  std::optional<OutsideValue> find_outside(std::size_t field,
                                           const AllowedValues& allowed) const override {
    return table_->find_outside(field, allowed);
  }
  std::string where(std::size_t field, std::int64_t row) const override;
  std::vector<std::string> class_names() const override { return table_->class_names(); }
  std::int64_t rows_apart() const override { return (window_ + reach_ + stride_ - 1) / stride_; }
  bool rows_adjoin() const override { return stride_ == window_; }
  std::vector<std::int64_t> sequences() const override { return sequences_; }
  std::string description() const override;
  std::vector<std::string> remarks() const override;
  const std::string& fingerprint() const override { return table_->fingerprint(); }
  // Learns from all rows of the training windows.
  void fit(std::span<const std::int64_t> training_rows) override;
  JsonValue preprocessing() const override;

 private:
  explicit WindowDataset(const DataOptions& options);
  void add_fields(const std::string& path, const DataOptions& options);
  void find_windows(const std::string& path);
  // The rows of the table that a field of a sample has.
  std::span<const std::int64_t> rows_of(std::size_t field, std::int64_t sample) const;

  DataSettings settings_;
  std::int64_t window_ = 0;
  std::int64_t stride_ = 1;
  std::int64_t reach_ = 0;  // rows behind a window that it needs
  std::unique_ptr<TableDataset> table_;
  std::vector<Field> fields_;            // the first of the table's
  std::vector<std::int64_t> order_;      // rows of the table, each sequence's one after the other
  std::vector<std::int64_t> begins_;     // of windows, places in order_
  std::vector<std::int64_t> sequences_;  // of windows
  std::int64_t too_short_ = 0;           // sequences without a window
};

}  // namespace temper::training
