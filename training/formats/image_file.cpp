// From pixels as the file has them to 1 or 3 channels, with Pillow's integer arithmetic
// (libImaging/Convert.c).
#include "training/formats/image_file.h"

#include <algorithm>
#include <new>
#include <string>

#include "runtime/base/error.h"
#include "training/formats/image_codecs.h"

namespace temper::training {
namespace {

using Rgb = std::array<std::uint8_t, 3>;

bool starts_with(std::span<const std::byte> bytes, std::string_view text) {
  return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size())
      .starts_with(text);
}

// ITU-R 601-2 luma in 16-bit fixed point.
std::uint8_t grey_of(const Rgb& rgb) {
  return static_cast<std::uint8_t>((rgb[0] * 19595u + rgb[1] * 38470u + rgb[2] * 7471u + 0x8000u) >>
                                   16);
}

// a * b / 255, rounded.
int product_of_shares(int a, int b) {
  const int product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}

// Adobe writes 255 for no ink.
Rgb rgb_of_inverted_cmyk(const std::uint8_t* pixel) {
  Rgb rgb{};
  const int light = pixel[3];
  for (std::size_t c = 0; c < 3; ++c) {
    const int ink = 255 - pixel[c];
    rgb[c] = static_cast<std::uint8_t>(std::clamp(light - product_of_shares(ink, light), 0, 255));
  }
  return rgb;
}

Rgb palette_colour(const StoredPicture& stored, std::uint8_t index, std::string_view where) {
  TEMPER_CHECK(index < stored.palette.size(), ErrorCode::kInvalidData, where,
               ": a pixel has the palette's colour ", static_cast<int>(index),
               ", but the palette has ", stored.palette.size(), ". Is the file damaged?");
  return stored.palette[index];
}

Rgb rgb_of(const StoredPicture& stored, const std::uint8_t* pixel, std::string_view where) {
  switch (stored.kind) {
    case PixelKind::kGrey:
    case PixelKind::kGreyAlpha:
      return {pixel[0], pixel[0], pixel[0]};
    case PixelKind::kRgb:
    case PixelKind::kRgba:
      return {pixel[0], pixel[1], pixel[2]};
    case PixelKind::kPalette:
      return palette_colour(stored, pixel[0], where);
    case PixelKind::kInvertedCmyk:
      return rgb_of_inverted_cmyk(pixel);
  }
  fail(ErrorCode::kInternal, "a kind of pixels that is none");
}

bool ends_as(std::string_view name, std::initializer_list<std::string_view> endings) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; });
  return std::any_of(endings.begin(), endings.end(),
                     [&](std::string_view ending) { return lower.ends_with(ending); });
}

}  // namespace

bool is_jpeg(std::span<const std::byte> bytes) { return starts_with(bytes, "\xff\xd8\xff"); }
bool is_png(std::span<const std::byte> bytes) { return starts_with(bytes, "\x89PNG\r\n\x1a\n"); }

bool has_image_name(std::string_view name) { return ends_as(name, {".jpg", ".jpeg", ".png"}); }

bool has_other_image_name(std::string_view name) {
  return ends_as(name, {".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".jp2", ".heic",
                        ".avif", ".jfif"});
}

void set_size(Picture& picture, std::int64_t height, std::int64_t width, std::int64_t channels,
              std::string_view where) {
  TEMPER_CHECK(height > 0 && width > 0, ErrorCode::kInvalidData, where, " is a picture of ", width,
               " x ", height, " pixels");
  TEMPER_CHECK(height <= kMostPixels / width, ErrorCode::kInvalidData, where, " has ", width, " x ",
               height, " pixels; at most ", kMostPixels, " are read: make it smaller first");
  picture.height = height;
  picture.width = width;
  picture.channels = channels;
  try {
    picture.pixels.resize(static_cast<std::size_t>(height * width * channels));
  } catch (const std::bad_alloc&) {
    fail(ErrorCode::kOutOfMemory, "no memory for the ", width, " x ", height, " pixels of ", where);
  }
}

Picture decode_image(std::span<const std::byte> bytes, std::int64_t channels,
                     std::string_view where) {
  TEMPER_ASSERT(channels == 1 || channels == 3, channels);
  TEMPER_CHECK(!bytes.empty(), ErrorCode::kInvalidData, where, " is empty");
  TEMPER_CHECK(is_jpeg(bytes) || is_png(bytes), ErrorCode::kInvalidData, where,
               " is neither a JPEG nor a PNG picture, whatever its name says");
  StoredPicture stored = is_png(bytes) ? read_png(bytes, false, where) : read_jpeg(bytes, where);
  const bool as_stored = stored.kind == (channels == 3 ? PixelKind::kRgb : PixelKind::kGrey);
  if (as_stored) {
    return std::move(stored.picture);
  }
  Picture made;
  set_size(made, stored.picture.height, stored.picture.width, channels, where);
  const std::uint8_t* from = stored.picture.pixels.data();
  std::uint8_t* to = made.pixels.data();
  const bool grey = stored.kind == PixelKind::kGreyAlpha;
  for (std::int64_t i = 0; i < made.height * made.width; ++i, from += stored.picture.channels) {
    if (channels == 1) {
      *to++ = grey ? from[0] : grey_of(rgb_of(stored, from, where));
    } else {
      const Rgb rgb = rgb_of(stored, from, where);
      to = std::copy(rgb.begin(), rgb.end(), to);
    }
  }
  return made;
}

Picture decode_classes(std::span<const std::byte> bytes, std::string_view where) {
  TEMPER_CHECK(is_png(bytes), ErrorCode::kInvalidData, where,
               " is no PNG picture; masks are PNG, which keeps each pixel's class as it is");
  StoredPicture stored = read_png(bytes, true, where);
  TEMPER_CHECK(stored.kind == PixelKind::kGrey || stored.kind == PixelKind::kPalette,
               ErrorCode::kInvalidData, where,
               " has colours; a mask has a palette, or grey values that are the classes");
  TEMPER_CHECK(stored.bits <= 8, ErrorCode::kInvalidData, where, " has ", stored.bits,
               " bits per pixel; a mask has at most 8, for classes 0 to 255");
  return std::move(stored.picture);
}

}  // namespace temper::training
