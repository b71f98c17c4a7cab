// What the training loop sees of any data set: rows of named fields, gathered into batch tensors.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/dtype.h"
#include "runtime/base/shape.h"
#include "runtime/memory/tensor.h"
#include "training/formats/json.h"

namespace temper::training {

// One array of the data set, as it is delivered: a batch of n rows has shape [n, row_shape...].
struct Field {
  std::string name;
  DType dtype = DType::kUndefined;
  Shape row_shape;
  bool is_target = false;
  double white = 0;  // the largest value of pixels that were 8 bits wide; 0: not known
  // A target of classes by pixel from a picture file. It is delivered in the shape that is asked
  // for, and where that is floats, as 0 and 1: any class but 0 is 1.
  bool is_mask = false;
  // The dimension of row_shape in which rows differ in size, and row_shape has the largest. -1:
  // none.
  int ragged_axis = -1;
};

// The whole numbers a field may hold.
struct AllowedValues {
  std::int64_t lower = 0;
  std::int64_t upper = 0;  // the first that is too large
  std::optional<std::int64_t> ignored;

  bool allows(std::int64_t value) const {
    return (value >= lower && value < upper) || value == ignored;
  }
};

// An element that is none of them, with its place for messages.
struct OutsideValue {
  std::string where;
  std::int64_t value = 0;
};

// Threading: const members may be called from several threads at once; fit() must be alone.
class Dataset {
 public:
  virtual ~Dataset() = default;

  // Rows; at least 1.
  virtual std::int64_t count() const = 0;
  // Inputs first, then targets.
  virtual const std::vector<Field>& fields() const = 0;

  // The size of each row of a field with a ragged axis, as the data have it; of others none.
  virtual std::span<const std::int64_t> row_sizes(std::size_t /*field*/) const { return {}; }
  // Rows of a field with a ragged axis are from now on delivered with this size there: filled up,
  // or cut. `pad`: with what they are filled up; empty: as before. Before any is read.
  virtual void deliver_size(std::size_t field, std::int64_t size, std::optional<double> pad);

  // Row i of out[f] becomes row rows[i] of field f. Allocates nothing, but where images or samples
  // are changed.
  // REQUIRES: one plain tensor per field, of its dtype and shape [rows.size(), row_shape...], or
  // with less in the ragged axis.
  virtual void read(std::span<const std::int64_t> rows, std::span<Tensor> out) const = 0;

  // The same for training, with the random changes that the recipe asks for in this epoch.
  virtual void read_training(std::span<const std::int64_t> rows, std::int64_t /*epoch*/,
                             std::span<Tensor> out) const {
    read(rows, out);
  }

  // All values of an integer field with one element per row (class labels).
  // THROWS: kInvalidData when the field is of another kind.
  virtual std::vector<std::int64_t> labels(std::size_t field) const = 0;

  // The first element of an integer field that is not allowed. COST: without another way known,
  // all rows are read.
  virtual std::optional<OutsideValue> find_outside(std::size_t field,
                                                   const AllowedValues& allowed) const;

  // Whether a row is a file that is decoded when it is read, which takes a while.
  virtual bool decodes() const { return false; }

  // "digits.npz, array 'target', row 12" or "data.csv:13: column 'age'", for messages.
  virtual std::string where(std::size_t field, std::int64_t row) const = 0;

  // Names of the classes in the order of their labels, where the data say them; else none.
  virtual std::vector<std::string> class_names() const { return {}; }

  // Rows that lie nearer to each other than this share content and must not be on both sides of a
  // split; 0: rows may be split in any order. Else a split takes the last rows, not any.
  virtual std::int64_t rows_apart() const { return 0; }

  // A number for each row that is the same for the rows of one sequence, which stand one after the
  // other in the order of time; empty: all rows are of one sequence.
  virtual std::vector<std::int64_t> sequences() const { return {}; }
  // Whether each row of a sequence begins where the row before it ends, as far as is known.
  virtual bool rows_adjoin() const { return true; }

  // What the files hold, in a few words, where fields() do not say it; may be empty.
  virtual std::string description() const { return {}; }

  // What stands out in the files, in sentences for `temper data check`. COST: a pass over them.
  virtual std::vector<std::string> remarks() const { return {}; }

  // Equal for equal files: sizes and SHA-256 as said in fingerprint.h.
  virtual const std::string& fingerprint() const = 0;

  // Learns what preprocessing needs from the training rows (a table's means and deviations) and
  // applies it. Call once, before reading; it does nothing for other kinds of data.
  virtual void fit(std::span<const std::int64_t> /*training_rows*/) {}
  // What must be stored with the model to prepare other data in the same way; null when nothing.
  // REQUIRES: fit() was called.
  virtual JsonValue preprocessing() const { return {}; }
};

// where() and the indices of an element within its row, if a row has several.
std::string element_place(const Dataset& data, std::size_t field, std::int64_t row,
                          std::int64_t element);

// Checks that every label of the field, one or more per row, is in 0..classes-1 (or equals
// `ignore_index`). `names`: of the classes, for messages; empty: the data's own.
// THROWS: kInvalidData with file, row, value and the class's name.
void check_labels(const Dataset& data, std::size_t field, std::int64_t classes,
                  std::int64_t ignore_index = -100, std::vector<std::string> names = {});

}  // namespace temper::training
