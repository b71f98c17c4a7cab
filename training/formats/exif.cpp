// Finds the tag in the segments of JPEG and the chunks of PNG. Files are hostile: every offset is
// checked against the bytes there are.
#include "training/formats/exif.h"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

namespace temper::training {
namespace {

using Bytes = std::span<const std::byte>;

// A number of 2 or 4 bytes at `at`; 0 behind the end.
std::uint32_t number(Bytes bytes, std::size_t at, std::size_t size, bool little) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < size && at <= bytes.size() && bytes.size() - at >= size; ++i) {
    const std::size_t place = little ? size - 1 - i : i;
    value = value << 8 | std::to_integer<std::uint32_t>(bytes[at + place]);
  }
  return value;
}

bool begins(Bytes bytes, std::string_view text) {
  return bytes.size() >= text.size() &&
         std::equal(text.begin(), text.end(), bytes.begin(), [](char c, std::byte b) {
           return static_cast<unsigned char>(c) == std::to_integer<unsigned char>(b);
         });
}

Bytes part(Bytes bytes, std::size_t at, std::size_t size) {
  const std::size_t begin = std::min(at, bytes.size());
  return bytes.subspan(begin, std::min(size, bytes.size() - begin));
}

// The tag 0x0112 in the first directory of a TIFF header (TIFF 6.0, section 2).
int orientation_in(Bytes tiff) {
  constexpr std::uint32_t kTag = 0x0112;
  constexpr std::uint32_t kShort = 3;
  constexpr std::size_t kEntryBytes = 12;
  const bool little = begins(tiff, "II");
  if ((!little && !begins(tiff, "MM")) || number(tiff, 2, 2, little) != 42) {
    return 1;
  }
  const std::size_t directory = number(tiff, 4, 4, little);
  const std::size_t entries = number(tiff, directory, 2, little);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t at = directory + 2 + i * kEntryBytes;
    if (at + kEntryBytes > tiff.size()) {
      break;
    }
    if (number(tiff, at, 2, little) == kTag && number(tiff, at + 2, 2, little) == kShort) {
      const std::uint32_t value = number(tiff, at + 8, 2, little);
      return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
    }
  }
  return 1;
}

// The segments before the first scan (ITU T.81, B.1.1).
int of_jpeg(Bytes file) {
  constexpr std::string_view kExif("Exif\0\0", 6);
  std::size_t at = 2;
  while (at + 4 <= file.size() && file[at] == std::byte{0xff}) {
    const auto marker = std::to_integer<unsigned>(file[at + 1]);
    if (marker == 0xff) {  // a fill byte
      ++at;
      continue;
    }
    const std::size_t size = number(file, at + 2, 2, false);
    if (marker == 0xda || size < 2) {
      break;
    }
    const Bytes segment = part(file, at + 4, size - 2);
    if (marker == 0xe1 && begins(segment, kExif)) {
      return orientation_in(segment.subspan(kExif.size()));
    }
    at += 2 + size;
  }
  return 1;
}

int of_png(Bytes file) {
  std::size_t at = 8;
  while (at + 12 <= file.size()) {
    const std::size_t size = number(file, at, 4, false);
    const Bytes chunk = file.subspan(at + 4);
    if (begins(chunk, "eXIf")) {
      return orientation_in(part(chunk, 4, size));
    }
    if (begins(chunk, "IEND") || size > file.size() - at - 12) {
      break;
    }
    at += 12 + size;
  }
  return 1;
}

}  // namespace

int exif_orientation(std::span<const std::byte> file) {
  return is_jpeg(file) ? of_jpeg(file) : is_png(file) ? of_png(file) : 1;
}

Picture upright(Picture stored, int orientation) {
  if (orientation <= 1 || orientation > 8) {
    return stored;
  }
  const bool turned = orientation >= 5;  // rows become columns
  const bool from_right =
      orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool from_below =
      orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  Picture made = stored;
  if (turned) {
    std::swap(made.height, made.width);
  }
  std::uint8_t* to = made.pixels.data();
  for (std::int64_t row = 0; row < made.height; ++row) {
    for (std::int64_t column = 0; column < made.width; ++column) {
      const std::int64_t down = turned ? column : row;
      const std::int64_t right = turned ? row : column;
      const std::int64_t y = from_below ? stored.height - 1 - down : down;
      const std::int64_t x = from_right ? stored.width - 1 - right : right;
      const auto* from = stored.pixels.data() + (y * stored.width + x) * stored.channels;
      to = std::copy(from, from + stored.channels, to);
    }
  }
  return made;
}

}  // namespace temper::training
