// A data set whose fields are whole arrays, in memory or mapped: npz, npy, IDX and tables.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "training/data/arrays/ragged_rows.h"
#include "training/data/dataset.h"
#include "training/data/open_dataset.h"

namespace temper::training {

// An array and how its rows are delivered. The array's first dimension counts rows; its other
// dimensions have as many elements as field.row_shape.
struct ArrayField {
  Field field;
  Tensor array;
  std::string source;    // "digits.npz, array 'target'", for messages
  double divisor = 1.0;  // float values are divided by it (255 for scaled images)
  // Where rows differ in size. field.ragged_axis is -1 all the same where all are delivered with
  // one.
  std::optional<RaggedRows> ragged = {};
  double pad = 0;                           // what such rows are filled up with
  std::vector<std::string> row_names = {};  // WantedField::row_names

  std::int64_t rows() const { return ragged ? ragged->count() : array.shape()[0]; }
};

// An input that is made of the sizes of another's rows along one of its axes.
struct MadeRows {
  Field field;
  MadeField kind = MadeField::kNone;
  int axis = 0;  // of its own rows, that goes along the sample
  std::size_t source = 0;
  int source_axis = 0;
  std::vector<std::int64_t> frames = {};  // WantedField::frames
};

class ArrayDataset : public Dataset {
 public:
  // THROWS: kInvalidData for arrays without rows or of different row counts, naming both.
  ArrayDataset(std::vector<ArrayField> arrays, std::string fingerprint);

  // Inputs behind the targets.
  void add_made(std::vector<MadeRows> made);

  // THROWS: kInvalidData for values that are not finite (when `require_finite`) or do not fit the
  // delivered type, with their place.
  void check_values(bool require_finite) const;

  std::int64_t count() const override { return count_; }
  const std::vector<Field>& fields() const override { return fields_; }
  std::span<const std::int64_t> row_sizes(std::size_t field) const override;
  void deliver_size(std::size_t field, std::int64_t size, std::optional<double> pad) override;
  void read(std::span<const std::int64_t> rows, std::span<Tensor> out) const override;
  std::vector<std::int64_t> labels(std::size_t field) const override;
  std::optional<OutsideValue> find_outside(std::size_t field,
                                           const AllowedValues& allowed) const override;
  std::string where(std::size_t field, std::int64_t row) const override;
  const std::string& fingerprint() const override { return fingerprint_; }
  std::vector<std::string> class_names() const override { return class_names_; }
  std::vector<std::int64_t> sequences() const override { return sequences_; }
  // `ids`: of each row. THROWS: as number_sequences(); kInvalidData for another number of them.
  void set_sequences(const std::vector<std::string>& ids, const std::string& source);
  // Elements of a field for these rows, one after the other, as read() gives them.
  void read_field(std::size_t field, std::span<const std::int64_t> rows, std::byte* to) const;
  void set_class_names(std::vector<std::string> names) { class_names_ = std::move(names); }

 protected:
  std::vector<ArrayField>& arrays() { return arrays_; }
  const std::vector<ArrayField>& arrays() const { return arrays_; }

 private:
  using Convert = void (*)(const void* source, void* target, std::int64_t count, double divisor);
  static Convert converter(DType source, DType target);
  void read_rows(std::size_t field, std::span<const std::int64_t> rows, Tensor& out) const;
  void read_ragged(std::size_t field, std::span<const std::int64_t> rows, Tensor& out) const;
  std::optional<OutsideValue> find_outside_made(const MadeRows& made,
                                                const AllowedValues& allowed) const;
  void read_made(const MadeRows& made, std::span<const std::int64_t> rows, Tensor& out) const;

  std::vector<ArrayField> arrays_;
  std::vector<MadeRows> made_;
  std::vector<Field> fields_;
  std::vector<Convert> converters_;  // null: the bytes are copied
  std::string fingerprint_;
  std::vector<std::string> class_names_;
  std::vector<std::int64_t> sequences_;
  std::int64_t count_ = 0;
};

}  // namespace temper::training
