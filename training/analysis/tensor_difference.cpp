#include "training/analysis/tensor_difference.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "runtime/base/error.h"
#include "runtime/base/float16.h"
#include "runtime/base/narrow_types.h"

namespace temper::training {
namespace {

constexpr std::int64_t kPiece = 4096;
using Piece = std::array<double, kPiece>;

void read_piece(const Tensor& tensor, std::int64_t first, std::int64_t count, Piece& out) {
  if (is_narrow(tensor.dtype())) {
    const auto* codes = static_cast<const std::uint8_t*>(tensor.data()) + first;
    for (std::int64_t i = 0; i < count; ++i) {
      out[static_cast<std::size_t>(i)] = narrow_values(tensor.dtype())[codes[i]];
    }
    return;
  }
  visit_any(tensor.dtype(), [&]<class T>() {
    const T* values = static_cast<const T*>(tensor.data()) + first;
    for (std::int64_t i = 0; i < count; ++i) {
      out[static_cast<std::size_t>(i)] = convert_element<double>(values[i]);
    }
  });
}

// The place of a number in the row of all numbers of its type: neighbours differ by one.
template <class Signed>
double place(Signed bits) {
  constexpr Signed kLowest = std::numeric_limits<Signed>::min();
  return bits >= 0 ? static_cast<double>(bits) : -static_cast<double>(bits - kLowest);
}

enum class Unit { kNone, kFloat64, kFloat32, kFloat16, kBFloat16 };

Unit unit_of(std::string_view type) {
  return type == "f64"    ? Unit::kFloat64
         : type == "f32"  ? Unit::kFloat32
         : type == "f16"  ? Unit::kFloat16
         : type == "bf16" ? Unit::kBFloat16
                          : Unit::kNone;
}

double place_of(double value, Unit unit) {
  switch (unit) {
    case Unit::kFloat64:
      return place(std::bit_cast<std::int64_t>(value));
    case Unit::kFloat16:
      return place(static_cast<std::int16_t>(Float16(static_cast<float>(value)).bits));
    case Unit::kBFloat16:
      return place(static_cast<std::int16_t>(BFloat16(static_cast<float>(value)).bits));
    default:
      return place(std::bit_cast<std::int32_t>(static_cast<float>(value)));
  }
}

class Sums {
 public:
  explicit Sums(Unit unit) : unit_(unit) {
    if (unit != Unit::kNone) {
      made_.ulps = 0;
    }
  }

  void add(double a, double b) {
    ++made_.elements;
    if (std::isfinite(a)) {
      made_.largest_value = std::max(made_.largest_value, std::abs(a));
    }
    if (std::isfinite(a) && std::isfinite(b)) {
      dot_ += a * b;
      a_squares_ += a * a;
      b_squares_ += b * b;
    }
    if (a == b || (std::isnan(a) && std::isnan(b))) {
      return;
    }
    ++made_.differing;
    const bool finite = std::isfinite(a) && std::isfinite(b);
    const double apart = finite ? std::abs(a - b) : HUGE_VAL;
    made_.largest = std::max(made_.largest, apart);
    total_ += apart;
    if (finite && made_.ulps) {
      made_.ulps = std::max(*made_.ulps, std::abs(place_of(a, unit_) - place_of(b, unit_)));
    }
  }

  TensorDifference finish() {
    made_.equal = made_.differing == 0;
    made_.mean = made_.elements > 0 ? total_ / static_cast<double>(made_.elements) : 0;
    const double lengths = std::sqrt(a_squares_) * std::sqrt(b_squares_);
    const bool both_zero = a_squares_ == 0 && b_squares_ == 0;
    made_.cosine = made_.equal || both_zero ? 1 : lengths > 0 ? dot_ / lengths : 0;
    return made_;
  }

 private:
  Unit unit_;
  TensorDifference made_;
  double total_ = 0;
  double dot_ = 0;
  double a_squares_ = 0;
  double b_squares_ = 0;
};

}  // namespace

TensorDifference tensor_difference(const Tensor& a, const Tensor& b, std::string_view type) {
  TEMPER_ASSERT(a.shape() == b.shape());
  const Tensor x = a.layout().plain ? a : a.to_plain(), y = b.layout().plain ? b : b.to_plain();
  Sums sums(unit_of(type));
  Piece of_x, of_y;
  const std::int64_t count = x.element_count();
  for (std::int64_t first = 0; first < count; first += kPiece) {
    const std::int64_t part = std::min(kPiece, count - first);
    read_piece(x, first, part, of_x);
    read_piece(y, first, part, of_y);
    for (std::int64_t i = 0; i < part; ++i) {
      sums.add(of_x[static_cast<std::size_t>(i)], of_y[static_cast<std::size_t>(i)]);
    }
  }
  TensorDifference made = sums.finish();
  // 64-bit integers may differ where doubles do not.
  if (made.equal && x.dtype() == y.dtype() && !is_float(x.dtype()) && !equal_bits(x, y)) {
    made.equal = false;
    made.differing = 1;  // at least
    made.largest = 1;
  }
  return made;
}

}  // namespace temper::training
