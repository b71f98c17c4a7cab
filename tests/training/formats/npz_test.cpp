// .npz archives as NumPy writes them, damaged and hostile ones.
#include "training/formats/npz.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/training/test_files.h"
#include "training/formats/npy.h"

namespace temper::training {
namespace {

TEST(Npz, ReadsStoredAndDeflatedMembers) {
  const NpzFile stored(fixture("stored.npz"));
  EXPECT_EQ(stored.names(), (std::vector<std::string>{"x", "target"}));
  EXPECT_EQ(stored.read("x").shape(), (Shape{6, 4}));
  EXPECT_EQ(stored.read("x").values<int>()[23], 23);
  EXPECT_EQ(stored.read("target").values<int>(), (std::vector<int>{0, 1, 2, 0, 1, 2}));
  const NpzFile deflated(fixture("deflated.npz"));
  EXPECT_TRUE(equal_bits(deflated.read("x"), stored.read("x")));
  EXPECT_EQ(deflated.read("zeros").values<float>(), std::vector<float>(2500, 0.0f));
}

TEST(Npz, NamesTheArraysThereAre) {
  const NpzFile file(fixture("stored.npz"));
  EXPECT_FALSE(file.has("y"));
  expect_error([&] { file.read("y"); }, ErrorCode::kInvalidData, "stored.npz", "'y'", "x, target");
}

TEST(Npz, RefusesAFileCutAtAnyByte) {
  const TempFolder folder;
  for (const char* name : {"stored.npz", "deflated.npz"}) {
    const std::string whole = read_bytes(fixture(name));
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const std::string path = folder.write("cut.npz", whole.substr(0, size));
      expect_error([&] { NpzFile file(path); }, ErrorCode::kInvalidData, "cut.npz");
    }
  }
}

TEST(Npz, SeesEveryChangeOfTheDataByItsChecksum) {
  const TempFolder folder;
  for (const char* name : {"stored.npz", "deflated.npz"}) {
    const Tensor original = NpzFile(fixture(name)).read("x");
    const std::string whole = read_bytes(fixture(name));
    const std::size_t data = whole.find("x.npy") + 5;
    const std::size_t next = whole.find("PK\x03\x04", data);
    int seen = 0;
    for (std::size_t at = data; at < next; ++at) {
      std::string changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ 0x10);
      const std::string path = folder.write("flipped.npz", changed);
      try {  // a few bytes do not matter: the local header's sizes, the last bits of the stream
        EXPECT_TRUE(equal_bits(NpzFile(path).read("x"), original)) << name << " byte " << at;
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kInvalidData) << error.what();
        ++seen;
      }
    }
    EXPECT_GE(seen, static_cast<int>(next - data) - 24) << name;
  }
}

TEST(Npz, SaysThatAChecksumIsWrong) {
  const TempFolder folder;
  std::string changed = read_bytes(fixture("stored.npz"));
  const std::size_t last = changed.find("PK\x03\x04", 10) - 1;  // of the first member's data
  changed[last] = static_cast<char>(changed[last] ^ 1);
  const std::string path = folder.write("flipped.npz", changed);
  expect_error([&] { NpzFile(path).read("x"); }, ErrorCode::kInvalidData, "flipped.npz",
               "member 'x.npy' is damaged", "CRC");
  EXPECT_EQ(NpzFile(path).read("target").element_count(), 6);
}

TEST(Npz, NeverCrashesOnAChangedDirectory) {
  const TempFolder folder;
  const std::string whole = read_bytes(fixture("stored.npz"));
  for (std::size_t at = whole.find("PK\x01\x02"); at < whole.size(); ++at) {
    for (const int flip : {0x01, 0x80, 0xff}) {
      std::string changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ flip);
      const std::string path = folder.write("flipped.npz", changed);
      try {
        const NpzFile file(path);
        for (const std::string& name : file.names()) {
          file.read(name);
        }
      } catch (const Error& error) {
        EXPECT_TRUE(error.code() == ErrorCode::kInvalidData ||
                    error.code() == ErrorCode::kUnsupported)
            << at << ": " << error.what();
      }
    }
  }
}

TEST(Npz, WritesEqualFilesForEqualArraysAndReadsThemBack) {
  const TempFolder folder;
  const std::vector<float> values = {1, 2, 3, 4, 5, 6};
  const Tensor a = Tensor::from<float>(DType::kFloat32, Shape{2, 3}, values);
  const Tensor b = Tensor::from<float>(DType::kBFloat16, Shape{6}, values);
  const Tensor empty(DType::kInt64, Shape{0, 2});
  for (const bool compress : {false, true}) {
    write_npz(folder.path("a.npz"), {{"layer/weight", a}, {"b", b}, {"e", empty}}, compress);
    write_npz(folder.path("b.npz"), {{"layer/weight", a}, {"b", b}, {"e", empty}}, compress);
    EXPECT_EQ(read_bytes(folder.path("a.npz")), read_bytes(folder.path("b.npz")));
    const NpzFile file(folder.path("a.npz"));
    EXPECT_EQ(file.names(), (std::vector<std::string>{"layer/weight", "b", "e"}));
    EXPECT_TRUE(equal_bits(file.read("layer/weight"), a));
    EXPECT_EQ(file.read("b").dtype(), DType::kFloat32);
    EXPECT_EQ(file.read("b").values<float>(), values);
    EXPECT_EQ(file.read("e").shape(), (Shape{0, 2}));
  }
}

TEST(Npz, RefusesTwoArraysOfOneName) {
  const TempFolder folder;
  const Tensor a(DType::kFloat32, Shape{1});
  expect_error([&] { write_npz(folder.path("a.npz"), {{"x", a}, {"x", a}}); },
               ErrorCode::kInvalidArgument, "x.npy");
}

TEST(Npz, WritesTextsAsNumpyDoes) {
  const TempFolder folder;
  const std::string path = folder.path("texts.npz");
  const std::vector<std::string> texts = {"ant/1.jpg", "", "b\u00e9e \u732b", "\U0001F41D"};
  write_npz(path, {{"x", Tensor::scalar(DType::kFloat32, 1.0f)}}, false, {{"files", texts}});
  EXPECT_EQ(NpzFile(path).read_texts("files"), texts);
  const std::string file = encode_npy_texts(texts);
  EXPECT_NE(file.find("'descr': '<U9', 'fortran_order': False, 'shape': (4,)"), std::string::npos);
  EXPECT_EQ(decode_npy_texts(std::as_bytes(std::span(file.data(), file.size())), "x"), texts);
  const std::string odd = encode_npy_texts(std::vector<std::string>{"a\xff\xc3"});
  EXPECT_EQ(decode_npy_texts(std::as_bytes(std::span(odd.data(), odd.size())), "x"),
            (std::vector<std::string>{"a\ufffd\ufffd"}));
}

}  // namespace
}  // namespace temper::training
