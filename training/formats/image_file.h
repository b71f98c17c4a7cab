// Pictures in JPEG and PNG files as 8-bit pixels, with the values that Pillow's convert("RGB") and
// convert("L") give.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace temper::training {

// Rows from the top, pixels from the left, the channels of a pixel side by side.
struct Picture {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t channels = 0;  // 1: grey or classes, 3: red, green, blue
  std::vector<std::uint8_t> pixels;

  std::size_t row_bytes() const { return static_cast<std::size_t>(width * channels); }
};

// Larger pictures are refused: Pillow warns of these as "decompression bombs".
inline constexpr std::int64_t kMostPixels = 89'478'485;

// Whether the bytes begin as a JPEG or PNG file does.
bool is_jpeg(std::span<const std::byte> bytes);
bool is_png(std::span<const std::byte> bytes);

// Whether a name ends as those of JPEG and PNG files do, in any case.
bool has_image_name(std::string_view name);
// Whether it ends as those of other picture files do, such as .webp, .bmp or .gif.
bool has_other_image_name(std::string_view name);

// The picture with 1 or 3 channels. Transparency is left out; of 16-bit channels the upper 8 bits
// are taken (Pillow cuts 16-bit grey off at 255); the orientation that EXIF notes is not applied
// (exif.h does), nor is it by torchvision. `where` names the file in messages.
// THROWS: kInvalidData when it is damaged, cut off, neither JPEG nor PNG, or has more than
// kMostPixels; kOutOfMemory.
Picture decode_image(std::span<const std::byte> bytes, std::int64_t channels,
                     std::string_view where);

// A PNG's class of each pixel: the index of a palette, else the grey value of at most 8 bits.
// THROWS: as decode_image; kInvalidData for colours without a palette and for 16 bits.
Picture decode_classes(std::span<const std::byte> bytes, std::string_view where);

}  // namespace temper::training
