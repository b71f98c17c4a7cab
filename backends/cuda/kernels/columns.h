// Blocks of an image as columns, and back.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backends/cuda/device.h"
#include "backends/cuda/device/places.h"
#include "runtime/base/dtype.h"

namespace temper::cuda {

// An image of some axes, cut into `blocks` blocks along each; a column tensor is [images, elements
// of a block, blocks].
struct BlockShape {
  int rank = 0;
  std::int64_t images = 0, pixels = 1, block_size = 1, block_count = 1;
  std::int64_t image[kMaxAxes] = {}, block[kMaxAxes] = {}, blocks[kMaxAxes] = {};
  std::int64_t steps[kMaxAxes] = {}, pads[kMaxAxes] = {}, dilations[kMaxAxes] = {};
};

// y = the columns of x, with 0 in the padding; elements of 1 to 8 bytes.
void image_to_columns(const BlockShape& shape, std::size_t element_bytes, const void* x, void* y,
                      StreamHandle stream);

// y = the sums of what columns have for a pixel; f32, f64, i32, i64.
bool sums_columns(DType dtype);
void columns_to_image(const BlockShape& shape, DType dtype, const void* x, void* y,
                      StreamHandle stream);

}  // namespace temper::cuda
