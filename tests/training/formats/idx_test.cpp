// IDX files, plain and compressed.
#include "training/formats/idx.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/training/test_files.h"
#include "training/formats/gzip.h"

namespace temper::training {
namespace {

TEST(Idx, ReadsBytesAndBigEndianNumbers) {
  const Tensor labels = read_idx(fixture("tiny-labels-idx1-ubyte"));
  EXPECT_EQ(labels.dtype(), DType::kUInt8);
  EXPECT_EQ(labels.values<int>(), (std::vector<int>{3, 1, 0, 2}));
  const Tensor shorts = read_idx(fixture("i16.idx"));
  EXPECT_EQ(shorts.shape(), (Shape{2, 3}));
  EXPECT_EQ(shorts.values<int>(), (std::vector<int>{-3, -2, -1, 0, 1, 2}));
  EXPECT_EQ(read_idx(fixture("f32.idx")).values<float>(),
            (std::vector<float>{0, 0.25f, 0.5f, 0.75f, 1, 1.25f}));
}

TEST(Idx, ReadsCompressedFiles) {
  const Tensor images = read_idx(fixture("tiny-images-idx3-ubyte.gz"));
  EXPECT_EQ(images.shape(), (Shape{4, 2, 3}));
  EXPECT_EQ(images.values<int>()[23], 230);
}

TEST(Idx, RefusesAFileCutAtAnyByte) {
  const TempFolder folder;
  for (const char* name : {"tiny-images-idx3-ubyte.gz", "i16.idx", "tiny-labels-idx1-ubyte"}) {
    const std::string whole = read_bytes(fixture(name));
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const std::string path = folder.write("cut", whole.substr(0, size));
      expect_error([&] { read_idx(path); }, ErrorCode::kInvalidData, "cut");
    }
  }
}

TEST(Idx, RefusesHeadersThatLie) {
  const std::string huge("\0\0\x08\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 16);
  expect_error([&] { decode_idx(buffer_of(huge), "h"); }, ErrorCode::kInvalidData, "more elements");
  const std::string big("\0\0\x08\x01\x7f\xff\xff\xff", 8);
  expect_error([&] { decode_idx(buffer_of(big), "h"); }, ErrorCode::kInvalidData, "2147483647");
  const std::string type("\0\0\x07\x01\0\0\0\0", 8);
  expect_error([&] { decode_idx(buffer_of(type), "h"); }, ErrorCode::kUnsupported, "type 7");
  expect_error([&] { decode_idx(buffer_of(read_bytes(fixture("i16.idx")) + "x"), "h"); },
               ErrorCode::kInvalidData, "13", "12");
}

TEST(Gzip, ChecksItsOwnChecksumAndWhatFollows) {
  const std::string whole = read_bytes(fixture("tiny-images-idx3-ubyte.gz"));
  const auto bytes = [](const std::string& text) {
    return std::as_bytes(std::span(text.data(), text.size()));
  };
  std::string changed = whole;
  changed[changed.size() - 6] = static_cast<char>(changed[changed.size() - 6] ^ 1);
  expect_error([&] { gunzip(bytes(changed), "x.gz"); }, ErrorCode::kInvalidData, "x.gz");
  expect_error([&] { gunzip(bytes(whole + "junk"), "x.gz"); }, ErrorCode::kInvalidData, "foreign");
  const std::size_t once = gunzip(bytes(whole), "x.gz")->bytes();
  EXPECT_EQ(once, 40u);
  EXPECT_EQ(gunzip(bytes(whole + whole), "x.gz")->bytes(), 2 * once);
}

}  // namespace
}  // namespace temper::training
