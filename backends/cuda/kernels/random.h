// What random ops draw from Philox: element i of a tensor by its place in the op's stream, which
// gives the same bits on every device.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backends/common/philox.h"
#include "backends/cuda/device.h"
#include "backends/cuda/device/places.h"
#include "runtime/base/dtype.h"

namespace temper::cuda {

struct RandomDraw {
  PhiloxStream stream{0, 0};
  std::uint64_t per_sample = 1;
  std::int64_t count = 0;
  const std::int64_t* position = nullptr;  // of the first sample, on the device; null: 0
};

// y = x scale, or 0 where the word falls below `ratio`, in f32, f16 or bf16. y and mask may be
// null; y may lie where x does. Where `order` has a rank, elements lie in another order: it finds
// the number of each.
void draw_dropout(const RandomDraw& draw, const Places<1>& order, double ratio, float scale,
                  DType dtype, const void* x, void* y, bool* mask, StreamHandle stream);
// y = low + width * a number from [0, 1), or from the standard normal distribution.
void draw_floats(const RandomDraw& draw, bool normal, double low, double width, float* y,
                 StreamHandle stream);
// y = the element of so many bytes whose bits are `one`, with probability x; else all bits 0.
void draw_bernoulli(const RandomDraw& draw, const float* x, std::size_t element_bytes,
                    std::uint64_t one, void* y, StreamHandle stream);
// y[row, i]: a class, by the logarithms of probabilities x[row, classes].
void draw_classes(const RandomDraw& draw, const float* x, std::int64_t classes,
                  std::int64_t samples, bool narrow, void* y, StreamHandle stream);

}  // namespace temper::cuda
