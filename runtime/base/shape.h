// A tensor's dimensions, held in place (no heap), and checked products of them.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

namespace temper {

// oneDNN's limit; models of a higher rank are refused at import.
inline constexpr int kMaxRank = 12;

class Shape {
 public:
  Shape() = default;  // rank 0: a scalar
  Shape(std::initializer_list<std::int64_t> dims);
  explicit Shape(std::span<const std::int64_t> dims);

  int rank() const { return rank_; }
  std::int64_t operator[](int axis) const { return dims_[static_cast<std::size_t>(axis)]; }
  std::int64_t& operator[](int axis) { return dims_[static_cast<std::size_t>(axis)]; }
  const std::int64_t* begin() const { return dims_.data(); }
  const std::int64_t* end() const { return dims_.data() + rank_; }
  std::span<const std::int64_t> dims() const {
    return {dims_.data(), static_cast<std::size_t>(rank_)};
  }

  // THROWS: kUnsupported when the rank would pass kMaxRank.
  void push_back(std::int64_t dim);

  // The product of all dimensions; 1 for a scalar. THROWS: kInvalidModel when it overflows 2^62.
  std::int64_t element_count() const;
  // The product of dimensions [begin, end).
  std::int64_t count(int begin, int end) const;

  friend bool operator==(const Shape& a, const Shape& b);

 private:
  int rank_ = 0;
  std::array<std::int64_t, kMaxRank> dims_{};
};

// "[32,4]"; "[]" for a scalar.
std::string to_string(const Shape& shape);

// a * b for non-negative values. THROWS: kInvalidModel naming `what` when the product passes 2^62.
std::int64_t checked_multiply(std::int64_t a, std::int64_t b, const char* what);

// The row-major strides in elements. THROWS: kInvalidModel when one, or the next one that there
// would be, passes 2^62; also where a dimension 0 makes the tensor empty.
Shape row_major_strides(const Shape& shape);

}  // namespace temper
