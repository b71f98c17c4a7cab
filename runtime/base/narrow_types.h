// The element types of fewer than 8 bits and the floats of 8: a tensor holds a code a byte, which
// is converted and moved and never computed with. Integers lie in the byte as they are (signed ones
// with their sign), floats as their bits in the low end.
#pragma once

#include <array>
#include <cstdint>

#include "runtime/base/dtype.h"
#include "runtime/base/error.h"

namespace temper {

enum class PowerRounding { kUp, kNearest, kDown };  // of f8e8m0, which has powers of two only

// What becomes of numbers that a narrow float does not have.
struct NarrowRounding {
  bool saturate = true;  // the largest number; otherwise infinity, or NaN where there is none
  PowerRounding power = PowerRounding::kUp;
};

// What each code stands for. REQUIRES: a narrow type.
const std::array<double, 256>& narrow_values(DType dtype);

// The code of the nearest number, ties to even. Integers are cut to their whole part and wrap.
// REQUIRES: a narrow type.
std::uint8_t narrow_code(DType dtype, double value, NarrowRounding rounding = {});

// The least and the greatest finite number. REQUIRES: a narrow type.
double narrow_lowest(DType dtype);
double narrow_highest(DType dtype);

// Whether its numbers have a fraction: float8 and float4.
bool is_narrow_float(DType dtype);

// Calls f.operator()<the type>().
template <class F>
decltype(auto) visit_narrow(DType dtype, F&& f) {
  switch (dtype) {
    case DType::kInt4:
      return f.template operator()<DType::kInt4>();
    case DType::kUInt4:
      return f.template operator()<DType::kUInt4>();
    case DType::kInt2:
      return f.template operator()<DType::kInt2>();
    case DType::kUInt2:
      return f.template operator()<DType::kUInt2>();
    case DType::kFloat8E4M3FN:
      return f.template operator()<DType::kFloat8E4M3FN>();
    case DType::kFloat8E4M3FNUZ:
      return f.template operator()<DType::kFloat8E4M3FNUZ>();
    case DType::kFloat8E5M2:
      return f.template operator()<DType::kFloat8E5M2>();
    case DType::kFloat8E5M2FNUZ:
      return f.template operator()<DType::kFloat8E5M2FNUZ>();
    case DType::kFloat8E8M0:
      return f.template operator()<DType::kFloat8E8M0>();
    case DType::kFloat4E2M1:
      return f.template operator()<DType::kFloat4E2M1>();
    default:
      fail(ErrorCode::kInternal, "dtype ", dtype, " is not narrow");
  }
}

// From and to ONNX's packing, which begins with the low bits of each byte. `count` elements.
void unpack_codes(DType dtype, const std::uint8_t* packed, std::int64_t count, std::uint8_t* codes);
void pack_codes(DType dtype, const std::uint8_t* codes, std::int64_t count, std::uint8_t* packed);

}  // namespace temper
