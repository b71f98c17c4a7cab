// Pictures are read as Pillow reads them, and damaged ones are errors that name the file.
#include "training/formats/image_file.h"

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

Picture decode(const std::string& name, std::int64_t channels) {
  const std::string file = read_bytes(fixture("pictures/" + name));
  return decode_image(bytes_of(file), channels, name);
}

// The largest difference from the values that Pillow's convert() gives.
int difference(const std::string& name, std::int64_t channels) {
  const std::string expected =
      read_bytes(fixture("pictures/" + name + (channels == 3 ? ".rgb" : ".l")));
  const Picture picture = decode(name, channels);
  EXPECT_EQ(picture.height, 17);
  EXPECT_EQ(picture.width, 23);
  EXPECT_EQ(picture.channels, channels);
  EXPECT_EQ(picture.pixels.size(), expected.size());
  int most = 0;
  for (std::size_t i = 0; i < std::min(expected.size(), picture.pixels.size()); ++i) {
    most = std::max(most, std::abs(picture.pixels[i] - static_cast<std::uint8_t>(expected[i])));
  }
  return most;
}

TEST(ImageFile, EveryKindOfPngHasThePixelsThatPillowGives) {
  for (const char* name : {"colour.png", "alpha.png", "grey.png", "grey_alpha.png", "bits1.png",
                           "bits4.png", "palette.png", "transparent_palette.png"}) {
    EXPECT_EQ(difference(name, 3), 0) << name;
    EXPECT_EQ(difference(name, 1), 0) << name;
  }
  EXPECT_EQ(difference("grey16.png", 1), 0);
}

// Another version of libjpeg may round otherwise; Debian 12's gives the pixels of Pillow 13's.
TEST(ImageFile, JpegDiffersFromPillowByAGreyLevelAtMost) {
  for (const char* name : {"colour.jpg", "halved.jpg", "progressive.jpg", "grey.jpg", "cmyk.jpg"}) {
    EXPECT_LE(difference(name, 3), 1) << name;
    EXPECT_LE(difference(name, 1), 1) << name;
  }
}

TEST(ImageFile, AFileThatIsCutOffAnywhereIsAnErrorThatNamesIt) {
  for (const char* name : {"colour.png", "palette.png", "colour.jpg", "progressive.jpg"}) {
    const std::string whole = read_bytes(fixture(std::string("pictures/") + name));
    for (std::size_t length = 0; length + 2 < whole.size(); length += 1 + length / 16) {
      const auto part = buffer_of(whole.substr(0, length));
      expect_error([&] { decode_image({part->data(), part->bytes()}, 3, "a picture"); },
                   ErrorCode::kInvalidData, "a picture");
    }
  }
}

// Whatever a bit says, the answer is a picture or an error.
TEST(ImageFile, FlippedBitsGiveAPictureOrAnError) {
  for (const char* name : {"palette.png", "alpha.png", "halved.jpg", "progressive.jpg"}) {
    const std::string whole = read_bytes(fixture(std::string("pictures/") + name));
    int errors = 0;
    for (std::size_t bit = 0; bit < whole.size() * 8; bit += 13) {
      std::string damaged = whole;
      damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
      try {
        const auto buffer = buffer_of(damaged);
        decode_image({buffer->data(), buffer->bytes()}, 3, "a picture");
      } catch (const Error& error) {
        ++errors;
        EXPECT_EQ(error.code(), ErrorCode::kInvalidData) << error.what();
      }
    }
    EXPECT_GT(errors, 0) << name;
  }
}

TEST(ImageFile, APictureOfTooManyPixelsIsRefusedBeforeMemoryIsTaken) {
  std::string bomb = read_bytes(fixture("pictures/colour.jpg"));
  const std::size_t frame = bomb.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  bomb.replace(frame + 5, 4, "\xfd\xe8\xfd\xe8");  // height and width
  expect_error([&] { decode_image(bytes_of(bomb), 3, "bomb.jpg"); }, ErrorCode::kInvalidData,
               "bomb.jpg", "65000 x 65000", "make it smaller");
}

TEST(ImageFile, AFileOfAnotherKindIsSaidToBeNone) {
  expect_error([] { decode_image(bytes_of("GIF89a"), 3, "x.png"); }, ErrorCode::kInvalidData,
               "x.png", "neither a JPEG nor a PNG");
  expect_error([] { decode_image({}, 3, "x.png"); }, ErrorCode::kInvalidData, "x.png is empty");
}

TEST(ImageFile, MasksKeepPaletteIndicesAndSmallGreyValues) {
  const std::string palette = read_bytes(fixture("pictures/bits4.png"));
  const Picture indices = decode_classes(bytes_of(palette), "mask");
  EXPECT_EQ(indices.channels, 1);
  EXPECT_LT(*std::max_element(indices.pixels.begin(), indices.pixels.end()), 16);
  const std::string grey = read_bytes(fixture("pictures/bits1.png"));
  const Picture bits = decode_classes(bytes_of(grey), "mask");
  EXPECT_EQ(*std::max_element(bits.pixels.begin(), bits.pixels.end()), 1);
  for (const auto& [name, text] :
       {std::pair("colour.png", "has colours"), std::pair("grey16.png", "16 bits"),
        std::pair("grey.jpg", "masks are PNG")}) {
    const std::string file = read_bytes(fixture(std::string("pictures/") + name));
    expect_error([&] { decode_classes(bytes_of(file), name); }, ErrorCode::kInvalidData, name,
                 text);
  }
}

}  // namespace
}  // namespace temper::training
