#include "runtime/base/shape.h"

#include <algorithm>

#include "runtime/base/error.h"

namespace temper {

Shape::Shape(std::initializer_list<std::int64_t> dims)
    : Shape(std::span<const std::int64_t>(dims.begin(), dims.size())) {}

Shape::Shape(std::span<const std::int64_t> dims) {
  for (const std::int64_t dim : dims) {
    push_back(dim);
  }
}

void Shape::push_back(std::int64_t dim) {
  TEMPER_CHECK(rank_ < kMaxRank, ErrorCode::kUnsupported, "a tensor has more than ", kMaxRank,
               " dimensions");
  dims_[static_cast<std::size_t>(rank_++)] = dim;
}

std::int64_t Shape::element_count() const { return count(0, rank_); }

std::int64_t Shape::count(int begin, int end) const {
  std::int64_t product = 1;
  for (int axis = begin; axis < end; ++axis) {
    product = checked_multiply(product, (*this)[axis], "a shape's element count");
  }
  return product;
}

bool operator==(const Shape& a, const Shape& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

std::string to_string(const Shape& shape) { return concat("[", join(shape.dims(), ","), "]"); }

std::int64_t checked_multiply(std::int64_t a, std::int64_t b, const char* what) {
  constexpr std::int64_t kLimit = std::int64_t{1} << 62;
  TEMPER_CHECK(a >= 0 && b >= 0 && (a == 0 || b <= kLimit / a), ErrorCode::kInvalidModel, what,
               " overflows: ", a, " times ", b);
  return a * b;
}

Shape row_major_strides(const Shape& shape) {
  Shape strides = shape;
  std::int64_t stride = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    strides[axis] = stride;
    stride = checked_multiply(stride, std::max<std::int64_t>(shape[axis], 1), "a shape's extent");
  }
  return strides;
}

}  // namespace temper
