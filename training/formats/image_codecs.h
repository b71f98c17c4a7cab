// What the readers of JPEG and PNG hand over: pixels as the file has them. Private to
// training/formats.
#pragma once

#include <array>
#include <string_view>

#include "training/formats/image_file.h"

namespace temper::training {

enum class PixelKind { kGrey, kGreyAlpha, kRgb, kRgba, kPalette, kInvertedCmyk };

// `picture.channels` are the samples of a pixel.
struct StoredPicture {
  Picture picture;
  PixelKind kind = PixelKind::kGrey;
  int bits = 8;  // of a sample in the file
  std::vector<std::array<std::uint8_t, 3>> palette;
};

// THROWS: as decode_image.
StoredPicture read_jpeg(std::span<const std::byte> bytes, std::string_view where);
// Grey of fewer than 8 bits is spread to 0..255, or kept as it is when `keep_grey`.
StoredPicture read_png(std::span<const std::byte> bytes, bool keep_grey, std::string_view where);

// Makes room for the pixels. THROWS: kInvalidData for no pixels and for more than kMostPixels.
void set_size(Picture& picture, std::int64_t height, std::int64_t width, std::int64_t channels,
              std::string_view where);

}  // namespace temper::training
