// Pictures are turned as Pillow turns them (tools/oracle/exif_orientation.py), and a damaged EXIF
// is none.
#include "training/formats/exif.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "tests/training/test_files.h"

namespace temper::training {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

TEST(Exif, TurnsPicturesAsPillowDoes) {
  for (int orientation = 1; orientation <= 8; ++orientation) {
    for (const char* kind : {".png", ".jpg"}) {
      const std::string name = "oriented/" + std::to_string(orientation) + kind;
      SCOPED_TRACE(name);
      const std::string file = read_bytes(fixture(name));
      const std::string expected = read_bytes(fixture(name + ".rgb"));
      EXPECT_EQ(exif_orientation(bytes_of(file)), orientation);
      const Picture made = upright(decode_image(bytes_of(file), 3, name), orientation);
      EXPECT_EQ(made.height, orientation <= 4 ? 4 : 6);
      EXPECT_EQ(made.width, orientation <= 4 ? 6 : 4);
      ASSERT_EQ(made.pixels.size(), expected.size());
      int most = 0;
      for (std::size_t i = 0; i < expected.size(); ++i) {
        most = std::max(most, std::abs(made.pixels[i] - static_cast<std::uint8_t>(expected[i])));
      }
      EXPECT_LE(most, std::string(kind) == ".png" ? 0 : 1);
    }
  }
}

TEST(Exif, OfAFileThatIsCutOffOrChangedAnywhereIsReadWithinItsBytes) {
  EXPECT_EQ(exif_orientation({}), 1);
  for (const char* name : {"oriented/6.png", "oriented/6.jpg", "oriented/3.jpg"}) {
    const std::string whole = read_bytes(fixture(name));
    const std::size_t until = std::min<std::size_t>(whole.size(), 400);
    for (std::size_t at = 0; at < until; ++at) {
      const auto cut = buffer_of(whole.substr(0, at));
      const int of_cut = exif_orientation({cut->data(), cut->bytes()});
      EXPECT_TRUE(of_cut >= 1 && of_cut <= 8);
      for (const char change : {'\x00', '\x7f', '\xff'}) {
        std::string changed = whole;
        changed[at] = change;
        const auto copy = buffer_of(changed);
        const int of_changed = exif_orientation({copy->data(), copy->bytes()});
        EXPECT_TRUE(of_changed >= 1 && of_changed <= 8);
      }
    }
  }
}

}  // namespace
}  // namespace temper::training
