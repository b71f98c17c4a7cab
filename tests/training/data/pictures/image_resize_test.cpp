// Resizing gives the very bytes that Pillow 12 gives (tools/oracle/picture_fixtures.py).
#include "training/data/pictures/image_resize.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "tests/training/test_files.h"

namespace temper::training {
namespace {

Picture source(std::int64_t channels) {
  const std::string file = read_bytes(fixture("pictures/colour.png"));
  return decode_image(std::as_bytes(std::span(file.data(), file.size())), channels, "colour.png");
}

struct Case {
  std::int64_t channels = 0;
  PixelBox part;
  PixelSize size;
  std::string method;
  std::vector<std::uint8_t> pixels;
};

std::vector<Case> cases() {
  std::ifstream file(fixture("pictures/resized.txt"));
  std::vector<Case> all;
  std::string line;
  while (std::getline(file, line)) {
    if (line.starts_with("#")) {
      continue;
    }
    std::istringstream words(line);
    Case one;
    words >> one.channels >> one.part.top >> one.part.left >> one.part.size.height >>
        one.part.size.width >> one.size.height >> one.size.width >> one.method;
    for (int value = 0; words >> value;) {
      one.pixels.push_back(static_cast<std::uint8_t>(value));
    }
    all.push_back(std::move(one));
  }
  return all;
}

TEST(ImageResize, GivesThePixelsOfPillowBitForBit) {
  const std::vector<Case> all = cases();
  ASSERT_EQ(all.size(), 24u);
  for (const Case& one : all) {
    const Picture made =
        resize(source(one.channels), one.part, one.size, resampling(one.method), {0, 0, one.size});
    EXPECT_EQ(made.pixels, one.pixels)
        << one.method << " to " << one.size.height << " x " << one.size.width;
  }
}

TEST(ImageResize, AWindowIsTheSamePartOfTheWholeResult) {
  const Picture picture = source(3);
  for (const Resampling how : {Resampling::kNearest, Resampling::kBilinear, Resampling::kBicubic}) {
    for (const PixelSize size : {PixelSize{9, 31}, PixelSize{17, 12}, PixelSize{40, 23}}) {
      const PixelBox part = {0, 0, size_of(picture)};
      const Picture whole = resize(picture, part, size, how, {0, 0, size});
      const PixelBox window = {2, 3, {5, 7}};
      const Picture some = resize(picture, part, size, how, window);
      const Picture cut = resize(whole, window, window.size, how, {0, 0, window.size});
      EXPECT_EQ(some.pixels, cut.pixels);
    }
  }
}

}  // namespace
}  // namespace temper::training
