// Rows of an array that differ in size along one axis.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/shape.h"
#include "runtime/memory/tensor.h"

namespace temper::training {

// How much of an array each row has. Its rows stand one after another, [sum of the sizes, ...], or
// each has room for the largest, [rows, ..., largest, ...].
struct RowSizes {
  std::vector<std::int64_t> sizes;
  bool padded = false;  // the second
  int axis = 0;         // of a row

  std::int64_t largest() const;
  // A row of the largest size. REQUIRES: sizes that fit the array.
  Shape row_shape(const Shape& array) const;
};

// Where the rows of an array lie, in elements. A row is `outer` blocks of its size times `inner`
// elements.
class RaggedRows {
 public:
  // `axis`: the ragged one in the shape that rows are delivered in, which differs from the stored
  // one by dimensions of 1 alone.
  RaggedRows(RowSizes sizes, const Shape& array, int axis);

  const std::vector<std::int64_t>& sizes() const { return sizes_.sizes; }
  std::int64_t count() const { return static_cast<std::int64_t>(sizes_.sizes.size()); }
  // In a delivered row.
  int axis() const { return axis_; }
  std::int64_t outer() const { return outer_; }
  std::int64_t inner() const { return inner_; }
  std::int64_t size(std::int64_t row) const { return sizes_.sizes[static_cast<std::size_t>(row)]; }
  // The first element of a block of a row.
  std::int64_t block(std::int64_t row, std::int64_t outer) const {
    return starts_[static_cast<std::size_t>(row)] + outer * stride_;
  }
  // The row that has an element.
  std::int64_t row_of(std::int64_t element) const;

 private:
  RowSizes sizes_;
  std::vector<std::int64_t> starts_;
  std::int64_t outer_ = 1;
  std::int64_t inner_ = 1;
  std::int64_t stride_ = 0;
  int axis_ = 0;
};

// How much of each row counts, as the array NAME.lengths, NAME.offsets or the one of data.lengths
// says. `from`: names it, for messages. THROWS: kInvalidData where they do not fit the array.
RowSizes sizes_from_lengths(const Tensor& lengths, const Tensor& array, const std::string& from,
                            const std::string& of, int axis);
RowSizes sizes_from_offsets(const Tensor& offsets, const Tensor& array, const std::string& from,
                            const std::string& of);

// The axis of a delivered row that `axis` of the stored row became.
int delivered_axis(const Shape& stored, int axis, const Shape& delivered);

}  // namespace temper::training
