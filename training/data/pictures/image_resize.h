// Resizing 8-bit pictures bit for bit as Pillow 12's Image.resize does: two passes in fixed point,
// antialiased when they become smaller. Pillow 13 does the passes the other way round for some
// sizes, after which some values are another by 1.
#pragma once

#include <cstdint>
#include <string_view>

#include "training/formats/image_file.h"

namespace temper::training {

enum class Resampling { kNearest, kBilinear, kBicubic };
// REQUIRES: one of "nearest", "bilinear", "bicubic".
Resampling resampling(std::string_view name);

struct PixelSize {
  std::int64_t height = 0;
  std::int64_t width = 0;

  friend bool operator==(const PixelSize&, const PixelSize&) = default;
};

struct PixelBox {
  std::int64_t top = 0;
  std::int64_t left = 0;
  PixelSize size;
};

inline PixelSize size_of(const Picture& picture) { return {picture.height, picture.width}; }

// `part` of the picture brought to `size`; of the result only `window` is made and returned.
// Equal to picture.crop(part).resize(size, resampling).crop(window) in Pillow.
// REQUIRES: part lies in the picture, window in `size`, and all sizes are positive.
Picture resize(const Picture& picture, const PixelBox& part, PixelSize size, Resampling how,
               const PixelBox& window);

}  // namespace temper::training
