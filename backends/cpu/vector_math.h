// exp, log, tanh, erf, sin, cos and their kin in float, written without branches or table look-ups
// so that loops over them become vector code. The same operations in every instruction set, so the
// same bits. Errors are below 3 units in the last place, of expm1, log1p and erfc below 4.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace temper::cpu {

// 2^n for integers n of [-126, 127].
[[gnu::always_inline]] inline float power_of_two(std::int32_t n) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(n + 127) << 23);
}

// exp(x) = 2^n exp(r), |r| <= ln(2) / 2; the polynomial is Cephes' expf. 2^n is applied in two
// halves, so that results below the smallest normal number and infinity come out right. NaN stays
// NaN.
[[gnu::always_inline]] inline float exp_of(float x) {
  constexpr float kRound =
      12582912.0f;  // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
  const float clamped = x > 89.0f ? 89.0f : x < -104.0f ? -104.0f : x;
  const float shifted = std::fma(clamped, 1.44269504088896341f, kRound);
  const float n = shifted - kRound;
  float r = std::fma(n, -0.693359375f, clamped);
  r = std::fma(n, 2.12194440e-4f, r);
  float p = 1.9875691500e-4f;
  p = std::fma(p, r, 1.3981999507e-3f);
  p = std::fma(p, r, 8.3334519073e-3f);
  p = std::fma(p, r, 4.1665795894e-2f);
  p = std::fma(p, r, 1.6666665459e-1f);
  p = std::fma(p, r, 5.0000001201e-1f);
  p = std::fma(p * r, r, r) + 1.0f;
  const std::int32_t whole =
      std::bit_cast<std::int32_t>(shifted) - std::bit_cast<std::int32_t>(kRound);
  const std::int32_t half = whole >> 1;
  return p * power_of_two(half) * power_of_two(whole - half);
}

// log(x); the polynomial is Cephes' logf. log(0) = -infinity, of negative numbers NaN.
[[gnu::always_inline]] inline float log_of(float x) {
  const bool tiny = x < std::numeric_limits<float>::min();
  const float scaled = tiny ? x * 0x1p24f : x;
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(scaled);
  std::int32_t e = static_cast<std::int32_t>(bits >> 23) - 126;
  float m = std::bit_cast<float>((bits & 0x007fffffu) | 0x3f000000u);  // [0.5, 1)
  const bool low = m < 0.707106781186547524f;
  e = low ? e - 1 : e;
  m = low ? m + m - 1.0f : m - 1.0f;
  e = tiny ? e - 24 : e;
  const float ef = static_cast<float>(e);
  const float z = m * m;
  float p = 7.0376836292e-2f;
  p = std::fma(p, m, -1.1514610310e-1f);
  p = std::fma(p, m, 1.1676998740e-1f);
  p = std::fma(p, m, -1.2420140846e-1f);
  p = std::fma(p, m, 1.4249322787e-1f);
  p = std::fma(p, m, -1.6668057665e-1f);
  p = std::fma(p, m, 2.0000714765e-1f);
  p = std::fma(p, m, -2.4999993993e-1f);
  p = std::fma(p, m, 3.3333331174e-1f);
  float y = p * m * z;
  y = std::fma(ef, -2.12194440e-4f, y);
  y = std::fma(-0.5f, z, y);
  y = std::fma(ef, 0.693359375f, m + y);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  y = x == 0.0f ? -kInfinity : y;
  y = x < 0.0f ? std::numeric_limits<float>::quiet_NaN() : y;
  return x < kInfinity ? y : x;  // infinity and NaN
}

// Near 0 Cephes' odd polynomial, else 1 - 2 / (exp(2|x|) + 1).
[[gnu::always_inline]] inline float tanh_of(float x) {
  const float a = std::abs(x);
  const float z = x * x;
  float p = -5.70498872745e-3f;
  p = std::fma(p, z, 2.06390887954e-2f);
  p = std::fma(p, z, -5.37397155531e-2f);
  p = std::fma(p, z, 1.33314422036e-1f);
  p = std::fma(p, z, -3.33332819422e-1f);
  const float near = std::fma(p * z, x, x);
  const float far = 1.0f - 2.0f / (exp_of(a + a) + 1.0f);
  return a < 0.625f ? near : std::copysign(far, x);
}

// e^x - 1 = 2 t / (1 - t) with t = tanh(x / 2), which keeps its accuracy near 0.
[[gnu::always_inline]] inline float expm1_of(float x) {
  const float t = tanh_of(0.5f * x);
  return 2.0f * t / (1.0f - t);
}

// log(1 + x): what is lost in 1 + x is put right by a factor (Kahan's form).
[[gnu::always_inline]] inline float log1p_of(float x) {
  const float w = 1.0f + x;
  const float d = w - 1.0f;
  const float y = log_of(w) * (x / d);
  return d == 0.0f || w == std::numeric_limits<float>::infinity() ? x : y;
}

// erfc(x) = exp(-a^2) (1 + p(q)) / (1 + 2 a) of a = |x| and q = (a - 2) / (a + 2); the polynomial
// is fitted by tools/oracle/error_function.py. What a^2 loses in rounding is given back.
// `gauss` is exp(-x^2) itself.
[[gnu::always_inline]] inline float erfc_of(float x, float& gauss) {
  const float a = std::abs(x) > 10.5f ? 10.5f : std::abs(x);  // beyond it erfc is 0; NaN stays
  const float q = (a - 2.0f) / (a + 2.0f);
  float p = -3.96104151e-04f;
  p = std::fma(p, q, -1.22233818e-03f);
  p = std::fma(p, q, 1.31256785e-03f);
  p = std::fma(p, q, 8.62535369e-03f);
  p = std::fma(p, q, -8.06088746e-03f);
  p = std::fma(p, q, -5.42026199e-02f);
  p = std::fma(p, q, 1.64055660e-01f);
  p = std::fma(p, q, -1.66031569e-01f);
  p = std::fma(p, q, -9.27639976e-02f);
  p = std::fma(p, q, 2.76978403e-01f);
  const float square = a * a;
  const float lost = std::fma(a, a, -square);
  const float e = exp_of(-square);
  gauss = std::fma(-lost, e, e);
  const float far = gauss * ((1.0f + p) / std::fma(2.0f, a, 1.0f));
  return x < 0.0f ? 2.0f - far : far;
}

// Near 0 an odd polynomial of the same script, else 1 - erfc(|x|).
[[gnu::always_inline]] inline float erf_of(float x) {
  const float z = x * x;
  float p = 8.51310469e-05f;
  p = std::fma(p, z, -8.17563967e-04f);
  p = std::fma(p, z, 5.20385895e-03f);
  p = std::fma(p, z, -2.68605091e-02f);
  p = std::fma(p, z, 1.12837151e-01f);
  p = std::fma(p, z, -3.76126349e-01f);
  p = std::fma(p, z, 1.12837923e+00f);
  const float near = x * p;
  float gauss;
  const float far = 1.0f - erfc_of(std::abs(x), gauss);
  return std::abs(x) < 0.9f ? near : std::copysign(far, x);
}

// sin(x) and cos(x) of angles up to kLargestAngle: x less the nearest multiple of pi / 2, in three
// parts, by Cephes' polynomials of sinf and cosf. `turn` adds quarters of a turn.
inline constexpr float kLargestAngle = 8192.0f;
[[gnu::always_inline]] inline float sin_of_turned(float x, std::int32_t turn) {
  constexpr float kRound = 12582912.0f;  // as in exp_of
  const float shifted = std::fma(x, 0.636619772367581343f, kRound);
  const float n = shifted - kRound;
  float r = std::fma(n, -1.5703125f, x);
  r = std::fma(n, -4.837512969970703125e-4f, r);
  r = std::fma(n, -7.549789954891882e-8f, r);
  const float z = r * r;
  float s = -1.9515295891e-4f;
  s = std::fma(s, z, 8.3321608736e-3f);
  s = std::fma(s, z, -1.6666654611e-1f);
  s = std::fma(s * z, r, r);
  float c = 2.443315711809948e-5f;
  c = std::fma(c, z, -1.388731625493765e-3f);
  c = std::fma(c, z, 4.166664568298827e-2f);
  c = std::fma(c * z, z, std::fma(-0.5f, z, 1.0f));
  const std::int32_t quarter =
      std::bit_cast<std::int32_t>(shifted) - std::bit_cast<std::int32_t>(kRound) + turn;
  const float y = (quarter & 1) != 0 ? c : s;
  return (quarter & 2) != 0 ? -y : y;
}
[[gnu::always_inline]] inline float sin_of(float x) { return sin_of_turned(x, 0); }
[[gnu::always_inline]] inline float cos_of(float x) { return sin_of_turned(x, 1); }

// The functors' elementary functions.
struct VectorMath {
  [[gnu::always_inline]] static float exp(float x) { return exp_of(x); }
  [[gnu::always_inline]] static float expm1(float x) { return expm1_of(x); }
  [[gnu::always_inline]] static float log(float x) { return log_of(x); }
  [[gnu::always_inline]] static float log1p(float x) { return log1p_of(x); }
  [[gnu::always_inline]] static float tanh(float x) { return tanh_of(x); }
  [[gnu::always_inline]] static float erf(float x) { return erf_of(x); }
  [[gnu::always_inline]] static float erfc(float x) {
    float gauss;
    return erfc_of(x, gauss);
  }
  [[gnu::always_inline]] static float erfc(float x, float& gauss) { return erfc_of(x, gauss); }
  static float pow(float x, float exponent) { return std::pow(x, exponent); }
};

}  // namespace temper::cpu
