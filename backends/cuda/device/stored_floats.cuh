// How 16-bit floats lie in memory: storage, whose arithmetic is done in float. Whoever includes
// this has included the kernel language before (launch.cuh); the text of printed programs includes
// it, too (printed_programs.h).
#pragma once

#include <bit>
#include <cstdint>

namespace temper::cuda {

// An element in memory: reads as a float, and takes one rounded to nearest even.
struct Float16Bits {
  std::uint16_t bits;

  __host__ __device__ __forceinline__ operator float() const;
  __host__ __device__ __forceinline__ Float16Bits& operator=(float x);
};
struct BFloat16Bits {
  std::uint16_t bits;

  __host__ __device__ __forceinline__ operator float() const;
  __host__ __device__ __forceinline__ BFloat16Bits& operator=(float x);
};

__host__ __device__ __forceinline__ float widened(BFloat16Bits x) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(x.bits) << 16);
}

// Exact: subnormals by a product with a power of two.
__host__ __device__ __forceinline__ float widened(Float16Bits x) {
  const std::uint32_t sign = static_cast<std::uint32_t>(x.bits & 0x8000u) << 16;
  const std::uint32_t rest = x.bits & 0x7FFFu;
  if (rest >= 0x7C00u) {  // infinity and NaN
    return std::bit_cast<float>(sign | 0x7F800000u | (rest & 0x3FFu) << 13);
  }
  const float magnitude = std::bit_cast<float>(rest << 13) * 0x1p112f;
  return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
}

// To nearest even.
__host__ __device__ __forceinline__ BFloat16Bits to_bfloat16(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) {
    return {static_cast<std::uint16_t>(bits >> 16 | 0x0040u)};
  }
  return {static_cast<std::uint16_t>((bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16)};
}

__host__ __device__ __forceinline__ Float16Bits to_float16(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t sign = bits >> 16 & 0x8000u, rest = bits & 0x7FFFFFFFu;
  std::uint32_t half = 0;
  if (rest > 0x7F800000u) {
    half = 0x7C00u | 0x200u | (rest >> 13 & 0x3FFu);
  } else if (rest >= 0x477FF000u) {  // rounds to 65536 or more
    half = 0x7C00u;
  } else if (rest >= 0x38800000u) {
    half = (rest - 0x38000000u + 0xFFFu + (rest >> 13 & 1u)) >> 13;
  } else {  // subnormal: adding 1/2 rounds at the bit that counts 2^-24
    half = std::bit_cast<std::uint32_t>(std::bit_cast<float>(rest) + 0.5f) - 0x3F000000u;
  }
  return {static_cast<std::uint16_t>(sign | half)};
}

__host__ __device__ __forceinline__ Float16Bits::operator float() const { return widened(*this); }
__host__ __device__ __forceinline__ BFloat16Bits::operator float() const { return widened(*this); }
__host__ __device__ __forceinline__ Float16Bits& Float16Bits::operator=(float x) {
  return *this = to_float16(x);
}
__host__ __device__ __forceinline__ BFloat16Bits& BFloat16Bits::operator=(float x) {
  return *this = to_bfloat16(x);
}

}  // namespace temper::cuda
