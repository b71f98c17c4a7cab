// A data set whose fields are whole arrays, in memory or mapped: npz, npy, IDX and tables.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "training/data/dataset.h"

namespace temper::training {

// An array and how its rows are delivered. The array's first dimension counts rows; its other
// dimensions have as many elements as field.row_shape.
struct ArrayField {
  Field field;
  Tensor array;
  std::string source;    // "digits.npz, array 'target'", for messages
  double divisor = 1.0;  // float values are divided by it (255 for scaled images)
};

class ArrayDataset : public Dataset {
 public:
  // THROWS: kInvalidData for arrays without rows or of different row counts, naming both.
  ArrayDataset(std::vector<ArrayField> arrays, std::string fingerprint);

  // THROWS: kInvalidData for values that are not finite (when `require_finite`) or do not fit the
  // delivered type, with their place.
  void check_values(bool require_finite) const;

  std::int64_t count() const override { return count_; }
  const std::vector<Field>& fields() const override { return fields_; }
  void read(std::span<const std::int64_t> rows, std::span<Tensor> out) const override;
  std::vector<std::int64_t> labels(std::size_t field) const override;
  std::optional<OutsideValue> find_outside(std::size_t field,
                                           const AllowedValues& allowed) const override;
  std::string where(std::size_t field, std::int64_t row) const override;
  const std::string& fingerprint() const override { return fingerprint_; }
  std::vector<std::string> class_names() const override { return class_names_; }
  void set_class_names(std::vector<std::string> names) { class_names_ = std::move(names); }

 protected:
  std::vector<ArrayField>& arrays() { return arrays_; }
  const std::vector<ArrayField>& arrays() const { return arrays_; }

 private:
  using Convert = void (*)(const void* source, void* target, std::int64_t count, double divisor);
  static Convert converter(DType source, DType target);

  std::vector<ArrayField> arrays_;
  std::vector<Field> fields_;
  std::vector<Convert> converters_;  // null: the bytes are copied
  std::string fingerprint_;
  std::vector<std::string> class_names_;
  std::int64_t count_ = 0;
};

}  // namespace temper::training
