// The loops of max pooling over memory seen as [outer][D][H][W][lanes], in AVX-512, AVX2 and plain
// form.
#pragma once

#include <array>
#include <cstdint>

namespace temper::cpu {

struct PoolAxis {
  std::int64_t in = 1, out = 1, kernel = 1, stride = 1, dilation = 1, pad = 0;
};

// Missing leading axes have one element.
struct PoolWindow {
  std::array<PoolAxis, 3> axes;

  std::int64_t input_pixels() const { return axes[0].in * axes[1].in * axes[2].in; }
  std::int64_t output_pixels() const { return axes[0].out * axes[1].out * axes[2].out; }
};

// The taps of an output position that lie inside the input: numbers [begin, end), the first at
// `position`.
struct PoolTaps {
  std::int64_t begin, end, position;
};

[[gnu::always_inline]] inline PoolTaps taps_inside(const PoolAxis& axis, std::int64_t out) {
  const std::int64_t start = out * axis.stride - axis.pad;
  if (axis.dilation == 1) {  // no divisions
    const std::int64_t first = start < 0 ? -start : 0;
    const std::int64_t left = axis.in - start;
    return {first, left < axis.kernel ? left : axis.kernel, start + first};
  }
  const std::int64_t begin = start < 0 ? (-start + axis.dilation - 1) / axis.dilation : 0;
  const std::int64_t left = axis.in - 1 - start;
  const std::int64_t end = left < 0 ? 0 : left / axis.dilation + 1;
  return {begin, end < axis.kernel ? end : axis.kernel, start + begin * axis.dilation};
}

// y and, unless null, the number of the tap that gave it, for outer parts [begin, end).
void max_pool(const PoolWindow& window, std::int64_t lanes, const float* x, float* y,
              std::uint8_t* taps, std::int64_t begin, std::int64_t end);

// dx = sum of the dy whose maximum it was.
void max_pool_grad(const PoolWindow& window, std::int64_t lanes, const float* dy,
                   const std::uint8_t* taps, float* dx, std::int64_t begin, std::int64_t end);

// The same by AVX-512, for lanes in multiples of 16. False, and nothing done: other lanes, or not
// such a processor.
bool max_pool_avx512(const PoolWindow& window, std::int64_t lanes, const float* x, float* y,
                     std::uint8_t* taps, std::int64_t begin, std::int64_t end);
bool max_pool_grad_avx512(const PoolWindow& window, std::int64_t lanes, const float* dy,
                          const std::uint8_t* taps, float* dx, std::int64_t begin,
                          std::int64_t end);

}  // namespace temper::cpu
