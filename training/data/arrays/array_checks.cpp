// Value checks, one pass over the array each.
#include "training/data/arrays/array_checks.h"

#include <cmath>
#include <limits>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/memory/finite_values.h"

namespace temper::training {
namespace {

template <class T>
double as_double(T value) {
  return convert_element<double>(value);
}

// Calls report(i) for the first element that `bad` accepts.
template <class T, class Bad, class Report>
void find_first(const Tensor& array, Bad&& bad, Report&& report) {
  const T* values = static_cast<const T*>(array.data());
  const std::int64_t count = array.element_count();
  for (std::int64_t i = 0; i < count; ++i) {
    if (bad(values[i])) {
      report(i);
    }
  }
}

std::int64_t row_of(const Tensor& array, std::int64_t element) {
  return element / array.shape().count(1, array.shape().rank());
}

double largest_finite(DType dtype) {
  switch (dtype) {
    case DType::kFloat16:
      return 65519.0;  // the last that rounds to a finite half lies just above 65504
    case DType::kFloat64:
      return std::numeric_limits<double>::max();
    default:
      return static_cast<double>(std::numeric_limits<float>::max());
  }
}

// True when `value` is a whole number that T holds.
template <class T, class S>
bool fits(S value) {
  if constexpr (std::is_same_v<T, bool>) {
    const double number = as_double(value);
    return number == 0 || number == 1;
  } else if constexpr (std::is_integral_v<S>) {
    if constexpr (std::is_same_v<S, bool>) {
      return true;
    } else {
      return std::in_range<T>(value);
    }
  } else {
    const double number = as_double(value);
    // The upper limit is exclusive: max() itself rounds up to a power of two for 64 bits.
    const double upper = std::ldexp(1.0, std::numeric_limits<T>::digits);
    const double lower = std::is_signed_v<T> ? -upper : 0.0;
    return number == std::floor(number) && number >= lower && number < upper;
  }
}

}  // namespace

void check_finite(const Tensor& array, DType delivered, const RowName& where) {
  if (!is_float(array.dtype())) {
    return;
  }
  const double limit =
      is_float(delivered) ? largest_finite(delivered) : std::numeric_limits<double>::max();
  const bool is_wide = array.dtype() == DType::kFloat32 || array.dtype() == DType::kFloat64;
  if (is_wide && largest_finite(array.dtype()) <= limit &&
      all_finite(array.dtype(), array.data(), array.element_count())) {
    return;  // the speed of memory, where nothing is to be told
  }
  visit_any(array.dtype(), [&]<class T>() {
    find_first<T>(
        array, [&](T value) { return !(std::fabs(as_double(value)) <= limit); },
        [&](std::int64_t i) {
          const double value = as_double(static_cast<const T*>(array.data())[i]);
          const bool finite = std::isfinite(value);
          fail(ErrorCode::kInvalidData, where(row_of(array, i)), ": the value is ", value,
               finite ? concat(", more than ", delivered, " holds") : std::string(),
               "; expected a finite number");
        });
  });
}

void check_exact(const Tensor& array, DType delivered, const RowName& where) {
  if (array.dtype() == delivered || is_float(delivered)) {
    return;
  }
  visit_any(array.dtype(), [&]<class S>() {
    visit_any(delivered, [&]<class T>() {
      if constexpr (std::is_integral_v<T>) {
        find_first<S>(
            array, [](S value) { return !fits<T, S>(value); },
            [&](std::int64_t i) {
              const S value = static_cast<const S*>(array.data())[i];
              fail(ErrorCode::kInvalidData, where(row_of(array, i)), ": the value is ",
                   as_double(value), "; expected a whole number that ", delivered, " holds");
            });
      }
    });
  });
}

}  // namespace temper::training
