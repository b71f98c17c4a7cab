// Codes to numbers by one formula for each kind of type, numbers to codes by exact arithmetic in
// double.
#include "runtime/base/narrow_types.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "runtime/base/error.h"

namespace temper {
namespace {

// How infinity and NaN are written, if at all.
enum class Specials {
  kNone,      // f4e2m1
  kIeee,      // the last exponent
  kLastCode,  // NaN is all ones (e4m3fn)
  kMinusZero  // NaN is the code of -0 (fnuz)
};

struct FloatForm {
  int mantissa_bits, bias, total_bits;
  Specials specials;

  int sign_bit() const { return 1 << (total_bits - 1); }
  int last_code() const {  // of the largest number
    switch (specials) {
      case Specials::kIeee:
        return sign_bit() - (1 << mantissa_bits) - 1;
      case Specials::kLastCode:
        return sign_bit() - 2;
      default:
        return sign_bit() - 1;
    }
  }
  // A code without sign, as if all were numbers.
  double magnitude(int code) const {
    const int exponent = code >> mantissa_bits;
    const double fraction = std::ldexp(code & ((1 << mantissa_bits) - 1), -mantissa_bits);
    return exponent == 0 ? std::ldexp(fraction, 1 - bias)
                         : std::ldexp(1 + fraction, exponent - bias);
  }
  int nan_code() const {
    return specials == Specials::kMinusZero || specials == Specials::kNone ? sign_bit()
                                                                           : sign_bit() - 1;
  }
  int infinity_code() const { return specials == Specials::kIeee ? last_code() + 1 : nan_code(); }
};

FloatForm form_of(DType dtype) {
  switch (dtype) {
    case DType::kFloat8E4M3FN:
      return {3, 7, 8, Specials::kLastCode};
    case DType::kFloat8E4M3FNUZ:
      return {3, 8, 8, Specials::kMinusZero};
    case DType::kFloat8E5M2:
      return {2, 15, 8, Specials::kIeee};
    case DType::kFloat8E5M2FNUZ:
      return {2, 16, 8, Specials::kMinusZero};
    case DType::kFloat4E2M1:
      return {1, 1, 4, Specials::kNone};
    default:
      fail(ErrorCode::kInternal, "dtype ", dtype, " is not a narrow float");
  }
}

double float_value(const FloatForm& form, int code) {
  const int rest = code & (form.sign_bit() - 1);
  const double sign = (code & form.sign_bit()) != 0 ? -1 : 1;
  const bool infinite = form.specials == Specials::kIeee && rest == form.last_code() + 1;
  const bool nan = form.specials == Specials::kMinusZero ? code == form.sign_bit()
                                                         : rest > form.last_code() && !infinite;
  return nan        ? std::numeric_limits<double>::quiet_NaN()
         : infinite ? sign * std::numeric_limits<double>::infinity()
                    : sign * form.magnitude(rest);
}

bool is_signed(DType dtype) { return dtype == DType::kInt4 || dtype == DType::kInt2; }

double integer_value(DType dtype, int code) {
  return is_signed(dtype) ? static_cast<std::int8_t>(code) : code;
}

std::array<double, 256> make_values(DType dtype) {
  std::array<double, 256> values{};
  for (int code = 0; code < 256; ++code) {
    double& value = values[static_cast<std::size_t>(code)];
    if (dtype == DType::kFloat8E8M0) {
      value = code == 255 ? std::numeric_limits<double>::quiet_NaN() : std::ldexp(1.0, code - 127);
    } else if (is_narrow_float(dtype)) {
      value = float_value(form_of(dtype), code);
    } else {
      value = integer_value(dtype, code);
    }
  }
  return values;
}

std::uint8_t integer_code(DType dtype, double value) {
  constexpr double kFar = 0x1p62;
  const auto whole =
      std::isnan(value) ? 0 : static_cast<std::int64_t>(std::clamp(value, -kFar, kFar));
  const auto bits = static_cast<int>(file_bits(dtype));
  int code = static_cast<int>(whole & ((1 << bits) - 1));
  if (is_signed(dtype) && (code >> (bits - 1)) != 0) {
    code -= 1 << bits;
  }
  return static_cast<std::uint8_t>(code);
}

std::uint8_t float_code(const FloatForm& form, double value, bool saturate) {
  const int sign = std::signbit(value) ? form.sign_bit() : 0;
  const bool one_nan = form.specials == Specials::kMinusZero || form.specials == Specials::kNone;
  if (std::isnan(value)) {
    return static_cast<std::uint8_t>(one_nan ? form.nan_code() : sign | form.nan_code());
  }
  const double magnitude = std::abs(value);
  int code = form.last_code() + 1;
  if (!std::isinf(value)) {
    const int least = 1 - form.bias;
    const int exponent = magnitude == 0 ? least : std::max(std::ilogb(magnitude), least);
    const double steps = std::nearbyint(std::ldexp(magnitude, form.mantissa_bits - exponent));
    // A mantissa that is rounded up to the next power carries into the exponent by itself; the
    // hidden bit of a normal number is one of the exponent's too.
    const double whole = steps + std::ldexp(exponent - least, form.mantissa_bits);
    code = whole > form.last_code() ? form.last_code() + 1 : static_cast<int>(whole);
  }
  if (code > form.last_code()) {
    if (!saturate && form.specials != Specials::kNone) {
      return static_cast<std::uint8_t>(one_nan ? form.nan_code() : sign | form.infinity_code());
    }
    code = form.last_code();
  }
  const bool minus_zero = code == 0 && form.specials == Specials::kMinusZero;
  return static_cast<std::uint8_t>(minus_zero ? 0 : sign | code);
}

// The exponent of a float32, rounded as onnx.numpy_helper.to_float8e8m0 does.
std::uint8_t power_code(double value, NarrowRounding rounding) {
  const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
  int exponent = static_cast<int>((bits >> 23) & 0xffU);
  if (exponent == 0xff) {
    const bool infinite = (bits & 0x7fffffU) == 0;
    return infinite && rounding.saturate ? 0xfe : 0xff;
  }
  const std::uint32_t fraction = bits & 0x7fffffU;
  constexpr std::uint32_t kHalf = 0x400000U;
  const bool up = rounding.power == PowerRounding::kUp ? fraction > 0
                  : rounding.power == PowerRounding::kNearest
                      ? fraction > kHalf || (fraction == kHalf && exponent > 0)
                      : false;
  exponent += up && !(rounding.saturate && exponent == 0xfe) ? 1 : 0;
  return static_cast<std::uint8_t>(exponent);
}

}  // namespace

const std::array<double, 256>& narrow_values(DType dtype) {
  TEMPER_ASSERT(is_narrow(dtype), dtype);
  constexpr auto kFirst = static_cast<std::size_t>(DType::kInt4);
  static const auto tables = [] {
    std::array<std::array<double, 256>, 10> made;
    for (std::size_t i = 0; i < made.size(); ++i) {
      made[i] = make_values(static_cast<DType>(kFirst + i));
    }
    return made;
  }();
  return tables[static_cast<std::size_t>(dtype) - kFirst];
}

std::uint8_t narrow_code(DType dtype, double value, NarrowRounding rounding) {
  if (dtype == DType::kFloat8E8M0) {
    return power_code(value, rounding);
  }
  return is_narrow_float(dtype) ? float_code(form_of(dtype), value, rounding.saturate)
                                : integer_code(dtype, value);
}

double narrow_highest(DType dtype) {
  if (dtype == DType::kFloat8E8M0) {
    return 0x1p127;
  }
  if (is_narrow_float(dtype)) {
    const FloatForm form = form_of(dtype);
    return form.magnitude(form.last_code());
  }
  return std::ldexp(1.0, static_cast<int>(file_bits(dtype)) - (is_signed(dtype) ? 1 : 0)) - 1;
}

double narrow_lowest(DType dtype) {
  if (dtype == DType::kFloat8E8M0) {
    return 0x1p-127;
  }
  if (is_narrow_float(dtype)) {
    return -narrow_highest(dtype);
  }
  return is_signed(dtype) ? -narrow_highest(dtype) - 1 : 0;
}

bool is_narrow_float(DType dtype) { return dtype >= DType::kFloat8E4M3FN; }

void unpack_codes(DType dtype, const std::uint8_t* packed, std::int64_t count,
                  std::uint8_t* codes) {
  const auto bits = static_cast<int>(file_bits(dtype));
  const int each = 8 / bits;
  for (std::int64_t i = 0; i < count; ++i) {
    int code = (packed[i / each] >> (static_cast<int>(i % each) * bits)) & ((1 << bits) - 1);
    if (is_signed(dtype) && (code >> (bits - 1)) != 0) {
      code -= 1 << bits;
    }
    codes[i] = static_cast<std::uint8_t>(code);
  }
}

void pack_codes(DType dtype, const std::uint8_t* codes, std::int64_t count, std::uint8_t* packed) {
  const auto bits = static_cast<int>(file_bits(dtype));
  const int each = 8 / bits;
  std::fill_n(packed, (count + each - 1) / each, std::uint8_t{0});
  for (std::int64_t i = 0; i < count; ++i) {
    const int code = codes[i] & ((1 << bits) - 1);
    const int shifted = code << (static_cast<int>(i % each) * bits);
    packed[i / each] = static_cast<std::uint8_t>(packed[i / each] | shifted);
  }
}

}  // namespace temper
