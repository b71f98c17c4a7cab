// Raw arrays with a manifest: what is read, and manifests that lie.
#include "training/formats/manifest.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <limits>

#include "tests/training/test_files.h"
#include "training/data/open_dataset.h"

namespace temper::training {
namespace {

template <class T>
std::string raw(const std::vector<T>& values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

class Raw : public testing::Test {
 protected:
  std::string manifest(const std::string& fields, const std::string& rows = "3",
                       const std::string& more = "") {
    return folder_.write("set.json",
                         "{\"rows\": " + rows + ", \"fields\": [" + fields + "]" + more + "}");
  }
  // A field x of two floats in x.bin, with these other keys.
  static std::string x(const std::string& more = "", const std::string& file = "x.bin") {
    return "{\"name\": \"x\", \"dtype\": \"f32\", \"shape\": [2], \"file\": \"" + file + "\"" +
           more + "}";
  }
  template <class... Parts>
  void refuses(const std::string& path, ErrorCode code, const Parts&... parts) {
    expect_error(
        [&] {
          const Manifest read(path);
          for (const std::string& name : read.names()) {
            read.read(name);
          }
        },
        code, parts...);
  }

  TempFolder folder_;
};

TEST_F(Raw, ViewsWhatIsPackedAndCopiesWhatIsNot) {
  folder_.write("x.bin", raw<float>({9, 1, 2, 3, 4, 5, 6}));
  // Records of a label and three 16-bit values.
  folder_.write("records.bin", std::string("\x01\x0a\0\x0b\0\x0c\0"
                                           "\x02\x14\0\x15\0\x16\0"
                                           "\x00\x1e\0\x1f\0\x20\0",
                                           21));
  const Manifest read(manifest(
      x(", \"offset\": 4") +
          ", {\"name\": \"target\", \"dtype\": \"uint8\", \"file\": \"records.bin\", \"stride\": 7,"
          " \"target\": true}, {\"name\": \"wide\", \"dtype\": \"i16\", \"shape\": [3], "
          "\"file\": \"records.bin\", \"offset\": 1, \"stride\": 7, \"target\": true}",
      "3", ", \"classes\": [\"a\", \"b\", \"c\"]"));
  EXPECT_EQ(read.names(), (std::vector<std::string>{"x", "target", "target:wide"}));
  EXPECT_EQ(read.read("x").values<double>(), (std::vector<double>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(read.read("x").shape(), (Shape{3, 2}));
  EXPECT_EQ(read.read("target").values<std::int64_t>(), (std::vector<std::int64_t>{1, 2, 0}));
  EXPECT_EQ(read.read("target:wide").values<std::int64_t>(),
            (std::vector<std::int64_t>{10, 11, 12, 20, 21, 22, 30, 31, 32}));
  EXPECT_EQ(read.files().size(), 3u);
}

TEST_F(Raw, IsADataSet) {
  folder_.write("x.bin", raw<float>({1, 2, 3, 4, 5, 6}));
  folder_.write("y.bin", std::string("\x01\x02\x00", 3));
  const std::string path = manifest(
      x() + ", {\"name\": \"y\", \"dtype\": \"u8\", \"file\": \"y.bin\", \"target\": true}", "3",
      ", \"classes\": [\"a\", \"b\", \"c\"]");
  DataOptions options;
  options.inputs = {{"x", DType::kFloat32, Shape{2}, ""}};
  const auto data = open_dataset(path, options);
  EXPECT_EQ(data->count(), 3);
  EXPECT_EQ(data->labels(1), (std::vector<std::int64_t>{1, 2, 0}));
  EXPECT_EQ(data->class_names(), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(data->where(0, 2), path + ", array 'x', row 2");
  expect_error([&] { check_labels(*data, 1, 2); }, ErrorCode::kInvalidData, "array 'target:y'",
               "row 1", "the label is 2");
  const std::string before = data->fingerprint();
  folder_.write("y.bin", std::string("\x01\x02\x01", 3));
  EXPECT_NE(open_dataset(path, options)->fingerprint(), before);
  folder_.write("x.bin", raw<float>({1, 2, 3, std::numeric_limits<float>::infinity(), 5, 6}));
  expect_error([&] { open_dataset(path, options); }, ErrorCode::kInvalidData, "array 'x', row 1",
               "inf");
}

TEST_F(Raw, ChecksSizesBeforeItReads) {
  folder_.write("x.bin", raw<float>({1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(Manifest(manifest(x())).read("x").element_count(), 6);
  refuses(manifest(x(), "4"), ErrorCode::kInvalidData, "x.bin has 24 bytes", "4 rows of 8 bytes",
          "need 32");
  refuses(manifest(x(", \"offset\": 1")), ErrorCode::kInvalidData, "from byte 1", "need 25");
  refuses(manifest(x(", \"stride\": 9")), ErrorCode::kInvalidData, "each 9 after", "need 26");
  refuses(manifest(x(), "1152921504606846977"), ErrorCode::kInvalidData, "24 bytes");
  refuses(manifest(x(), "9223372036854775807"), ErrorCode::kInvalidData, "field 'x'", "more bytes");
  refuses(manifest(x(", \"offset\": 9223372036854775807")), ErrorCode::kInvalidData, "24 bytes");
  refuses(manifest(x(", \"stride\": 9223372036854775807"), "5"), ErrorCode::kInvalidData,
          "more bytes");
  refuses(manifest("{\"name\": \"x\", \"dtype\": \"f64\", \"shape\": [4294967296, 4294967296], "
                   "\"file\": \"x.bin\"}"),
          ErrorCode::kInvalidData, "field 'x'", "more bytes");
  folder_.write("x.bin", "");
  refuses(manifest(x()), ErrorCode::kInvalidData, "x.bin has 0 bytes");
}

TEST_F(Raw, StaysInItsFolder) {
  folder_.write("x.bin", raw<float>({1, 2, 3, 4, 5, 6}));
  refuses(manifest(x("", "../x.bin")), ErrorCode::kIo, "../x.bin");
  refuses(manifest(x("", "/etc/passwd")), ErrorCode::kIo, "/etc/passwd");
  refuses(manifest(x("", "no.bin")), ErrorCode::kIo, "no.bin");
  refuses(manifest(x("", ".")), ErrorCode::kIo, ".");
  std::filesystem::create_symlink("/etc/passwd", folder_.path("link.bin"));
  refuses(manifest(x("", "link.bin")), ErrorCode::kIo, "link.bin");
}

TEST_F(Raw, NamesTheKeyThatIsWrong) {
  folder_.write("x.bin", raw<float>({1, 2, 3, 4, 5, 6}));
  const auto bad = ErrorCode::kInvalidData;
  refuses(manifest(x(), "0"), bad, "rows is 0");
  refuses(manifest(x(), "-1"), bad, "rows is -1");
  refuses(manifest(x(), "1.5"), bad, "set.json: rows is a number, expected an integer");
  refuses(manifest(x(), "3", ", \"row\": 1"), bad, "unknown key 'row'", "rows, fields, classes");
  refuses(manifest(x(", \"strid\": 8")), bad, "field 'x': unknown key 'strid'", "stride");
  refuses(manifest(x(", \"stride\": 7")), bad, "stride is 7 bytes", "a row has 8");
  refuses(manifest(x(", \"offset\": -4")), bad, "field 'x': offset is -4");
  refuses(manifest(x(", \"target\": 1")), bad, "field 'x': target is an integer");
  refuses(manifest(x() + "," + x()), bad, "'x' is there twice");
  refuses(manifest("{\"dtype\": \"f32\", \"file\": \"x.bin\"}"), bad, "field 1",
          "the key 'name' is missing");
  refuses(manifest("{\"name\": \"x\", \"dtype\": \"f32\"}"), bad, "field 'x'",
          "the key 'file' is missing");
  refuses(manifest("{\"name\": \"x\", \"dtype\": \"f31\", \"file\": \"x.bin\"}"),
          ErrorCode::kUnsupported, "field 'x'", "dtype is 'f31'");
  refuses(manifest("{\"name\": \"x\", \"dtype\": \"f32\", \"shape\": [0], \"file\": \"x.bin\"}"),
          bad, "field 'x'", "the dimension 0");
  refuses(manifest("{\"name\": \"x\", \"dtype\": \"u8\", \"shape\": [1,1,1,1,1,1,1,1,1,1,1,1,1], "
                   "\"file\": \"x.bin\"}"),
          bad, "field 'x'", "shape has the dimension 1");
  refuses(folder_.write("set.json", "{\"x\": 1}"), bad, "no manifest", "\"jsonl\"");
  refuses(folder_.write("set.json", "{\"rows\": 1"), bad, "set.json", "not valid JSON");
}

}  // namespace
}  // namespace temper::training
