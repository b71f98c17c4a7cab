// Calls a template lambda with the C++ type of a dtype: visit_float(dtype, [&]<class T>() { ... }).
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include "runtime/base/dtype.h"
#include "runtime/base/error.h"
#include "runtime/base/float16.h"

namespace temper {

template <class T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::kFloat32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::kFloat64;
};
template <>
struct DTypeOf<Float16> {
  static constexpr DType value = DType::kFloat16;
};
template <>
struct DTypeOf<BFloat16> {
  static constexpr DType value = DType::kBFloat16;
};
template <>
struct DTypeOf<std::int8_t> {
  static constexpr DType value = DType::kInt8;
};
template <>
struct DTypeOf<std::int16_t> {
  static constexpr DType value = DType::kInt16;
};
template <>
struct DTypeOf<std::int32_t> {
  static constexpr DType value = DType::kInt32;
};
template <>
struct DTypeOf<std::int64_t> {
  static constexpr DType value = DType::kInt64;
};
template <>
struct DTypeOf<std::uint8_t> {
  static constexpr DType value = DType::kUInt8;
};
template <>
struct DTypeOf<std::uint16_t> {
  static constexpr DType value = DType::kUInt16;
};
template <>
struct DTypeOf<std::uint32_t> {
  static constexpr DType value = DType::kUInt32;
};
template <>
struct DTypeOf<std::uint64_t> {
  static constexpr DType value = DType::kUInt64;
};
template <>
struct DTypeOf<bool> {
  static constexpr DType value = DType::kBool;
};

template <class T>
inline constexpr DType kDTypeOf = DTypeOf<T>::value;

// float and double: the types with kernels of their own arithmetic.
template <class F>
decltype(auto) visit_float(DType dtype, F&& f) {
  switch (dtype) {
    case DType::kFloat32:
      return f.template operator()<float>();
    case DType::kFloat64:
      return f.template operator()<double>();
    default:
      fail(ErrorCode::kInternal, "dtype ", dtype, " is not f32 or f64");
  }
}

// All integer types, without bool.
template <class F>
decltype(auto) visit_integer(DType dtype, F&& f) {
  switch (dtype) {
    case DType::kInt8:
      return f.template operator()<std::int8_t>();
    case DType::kInt16:
      return f.template operator()<std::int16_t>();
    case DType::kInt32:
      return f.template operator()<std::int32_t>();
    case DType::kInt64:
      return f.template operator()<std::int64_t>();
    case DType::kUInt8:
      return f.template operator()<std::uint8_t>();
    case DType::kUInt16:
      return f.template operator()<std::uint16_t>();
    case DType::kUInt32:
      return f.template operator()<std::uint32_t>();
    case DType::kUInt64:
      return f.template operator()<std::uint64_t>();
    default:
      fail(ErrorCode::kInternal, "dtype ", dtype, " is not an integer type");
  }
}

// float, double and all integers.
template <class F>
decltype(auto) visit_numeric(DType dtype, F&& f) {
  if (dtype == DType::kFloat32 || dtype == DType::kFloat64) {
    return visit_float(dtype, f);
  }
  return visit_integer(dtype, f);
}

// Every type that has elements, 16-bit floats and bool included.
template <class F>
decltype(auto) visit_any(DType dtype, F&& f) {
  switch (dtype) {
    case DType::kFloat16:
      return f.template operator()<Float16>();
    case DType::kBFloat16:
      return f.template operator()<BFloat16>();
    case DType::kBool:
      return f.template operator()<bool>();
    default:
      return visit_numeric(dtype, f);
  }
}

// The four types with a fraction.
template <class F>
decltype(auto) visit_any_float(DType dtype, F&& f) {
  switch (dtype) {
    case DType::kFloat16:
      return f.template operator()<Float16>();
    case DType::kBFloat16:
      return f.template operator()<BFloat16>();
    default:
      return visit_float(dtype, f);
  }
}

// An unsigned type of the dtype's size: for whoever moves elements and never looks at them.
template <class F>
decltype(auto) visit_bits(DType dtype, F&& f) {
  switch (size_of(dtype)) {
    case 1:
      return f.template operator()<std::uint8_t>();
    case 2:
      return f.template operator()<std::uint16_t>();
    case 4:
      return f.template operator()<std::uint32_t>();
    case 8:
      return f.template operator()<std::uint64_t>();
    default:
      fail(ErrorCode::kInternal, "dtype ", dtype, " has no elements to move");
  }
}

// The bits of an element, in the low end of the number.
template <class T>
std::uint64_t bits_of(T value) {
  if constexpr (sizeof(T) == 1) {
    return std::bit_cast<std::uint8_t>(value);
  } else if constexpr (sizeof(T) == 2) {
    return std::bit_cast<std::uint16_t>(value);
  } else if constexpr (sizeof(T) == 4) {
    return std::bit_cast<std::uint32_t>(value);
  } else {
    return std::bit_cast<std::uint64_t>(value);
  }
}

// A value of any element type as T: 16-bit floats go through float, anything but 0 is true.
template <class T, class S>
T convert_element(S value) {
  if constexpr (std::is_same_v<T, S>) {
    return value;
  } else if constexpr (std::is_same_v<S, Float16> || std::is_same_v<S, BFloat16>) {
    return convert_element<T>(static_cast<float>(value));
  } else if constexpr (std::is_same_v<T, bool>) {
    return value != S(0);
  } else if constexpr (std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>) {
    return T(static_cast<float>(value));
  } else {
    return static_cast<T>(value);
  }
}

}  // namespace temper
