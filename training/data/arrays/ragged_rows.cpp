#include "training/data/arrays/ragged_rows.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "runtime/base/error.h"

namespace temper::training {

std::int64_t RowSizes::largest() const {
  return sizes.empty() ? 0 : *std::max_element(sizes.begin(), sizes.end());
}

Shape RowSizes::row_shape(const Shape& array) const {
  if (padded) {
    return Shape(array.dims().subspan(1));
  }
  Shape row{largest()};
  for (int i = 1; i < array.rank(); ++i) {
    row.push_back(array[i]);
  }
  return row;
}

RaggedRows::RaggedRows(RowSizes sizes, const Shape& array, int axis)
    : sizes_(std::move(sizes)), axis_(axis) {
  if (sizes_.padded) {
    const int stored = sizes_.axis + 1;
    outer_ = array.count(1, stored);
    inner_ = array.count(stored + 1, array.rank());
    stride_ = array[stored] * inner_;
    for (std::int64_t row = 0; row < count(); ++row) {
      starts_.push_back(row * outer_ * stride_);
    }
    return;
  }
  inner_ = array.count(1, array.rank());
  std::int64_t start = 0;
  for (const std::int64_t size : sizes_.sizes) {
    starts_.push_back(start);
    start += size * inner_;
  }
}

std::int64_t RaggedRows::row_of(std::int64_t element) const {
  const auto after = std::upper_bound(starts_.begin(), starts_.end(), element);
  return after - starts_.begin() - 1;
}

namespace {

std::vector<std::int64_t> whole_numbers(const Tensor& tensor, const std::string& from) {
  TEMPER_CHECK(is_integer(tensor.dtype()) && tensor.shape().rank() == 1, ErrorCode::kInvalidData,
               from, " is ", tensor.dtype(), tensor.shape(),
               "; it must be a list of whole numbers");
  return tensor.values<std::int64_t>();
}

}  // namespace

RowSizes sizes_from_lengths(const Tensor& lengths, const Tensor& array, const std::string& from,
                            const std::string& of, int axis) {
  RowSizes made{whole_numbers(lengths, from), false, 0};
  const Shape& shape = array.shape();
  const std::int64_t rows = shape.rank() > 0 ? shape[0] : 0;
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < made.sizes.size(); ++i) {
    TEMPER_CHECK(made.sizes[i] >= 0 && made.sizes[i] <= array.element_count(),
                 ErrorCode::kInvalidData, from, ", row ", i, ": the length is ", made.sizes[i],
                 ", but ", of, " is ", shape);
    sum += made.sizes[i];
  }
  const auto count = static_cast<std::int64_t>(made.sizes.size());
  if (axis < 0 && sum == rows && shape.rank() >= 1) {
    return made;
  }
  made.padded = true;
  made.axis = std::max(axis, 0);
  const int stored = made.axis + 1;
  TEMPER_CHECK(count == rows && shape.rank() > stored && made.largest() <= shape[stored],
               ErrorCode::kInvalidData, from, " has ", count, " lengths up to ", made.largest(),
               " with the sum ", sum, ", but ", of, " is ", shape,
               ": its first dimension must be the sum, with the rows one after another, or there "
               "must be ",
               count, " rows with room for the longest");
  return made;
}

RowSizes sizes_from_offsets(const Tensor& offsets, const Tensor& array, const std::string& from,
                            const std::string& of) {
  const std::vector<std::int64_t> begins = whole_numbers(offsets, from);
  const std::int64_t rows = array.shape().rank() > 0 ? array.shape()[0] : 0;
  TEMPER_CHECK(begins.size() >= 2 && begins.front() == 0 && begins.back() == rows,
               ErrorCode::kInvalidData, from, " must begin with 0 and end with ", rows,
               ", the first dimension of ", of, " ", array.shape(),
               ": where each row begins, and where the last one ends");
  RowSizes made;
  for (std::size_t i = 1; i < begins.size(); ++i) {
    TEMPER_CHECK(begins[i] >= begins[i - 1], ErrorCode::kInvalidData, from, " has ", begins[i],
                 " behind ", begins[i - 1], "; offsets do not fall");
    made.sizes.push_back(begins[i] - begins[i - 1]);
  }
  return made;
}

int delivered_axis(const Shape& stored, int axis, const Shape& delivered) {
  const std::int64_t before = stored.count(0, axis);
  for (int i = 0; i < delivered.rank(); ++i) {
    if (delivered.count(0, i) == before && delivered[i] == stored[axis]) {
      return i;
    }
  }
  return -1;
}

}  // namespace temper::training
