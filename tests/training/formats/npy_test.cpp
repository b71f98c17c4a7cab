// .npy files as NumPy writes them, and damaged ones.
#include "training/formats/npy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/training/test_files.h"

namespace temper::training {
namespace {

std::vector<double> counting(std::size_t count) {
  std::vector<double> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = static_cast<double>(i);
  }
  return values;
}

// A version 1 file with this dictionary.
std::string with_header(const std::string& dict, std::size_t data_bytes) {
  std::string file = "\x93NUMPY";
  file += '\x01';
  file += '\0';
  file += static_cast<char>(dict.size() & 0xff);
  file += static_cast<char>(dict.size() >> 8);
  return file + dict + std::string(data_bytes, '\0');
}

TEST(Npy, ReadsEveryTypeInBothByteOrders) {
  const std::vector<std::pair<std::string, DType>> types = {
      {"f2", DType::kFloat16}, {"f4", DType::kFloat32}, {"f8", DType::kFloat64},
      {"i1", DType::kInt8},    {"i2", DType::kInt16},   {"i4", DType::kInt32},
      {"i8", DType::kInt64},   {"u1", DType::kUInt8},   {"u2", DType::kUInt16},
      {"u4", DType::kUInt32},  {"u8", DType::kUInt64}};
  for (const auto& [name, dtype] : types) {
    for (const char* order : {"", "_big"}) {
      const Tensor tensor = read_npy(fixture(name + order + ".npy"));
      EXPECT_EQ(tensor.dtype(), dtype) << name << order;
      EXPECT_EQ(tensor.shape(), (Shape{2, 3})) << name << order;
      EXPECT_EQ(tensor.values<double>(), counting(6)) << name << order;
    }
  }
  EXPECT_EQ(read_npy(fixture("bool.npy")).values<int>(), (std::vector<int>{1, 0, 1}));
}

TEST(Npy, BringsFortranOrderIntoRows) {
  const Tensor a = read_npy(fixture("fortran.npy"));
  EXPECT_EQ(a.shape(), (Shape{2, 3, 4}));
  EXPECT_EQ(a.values<double>(), counting(24));
  const Tensor b = read_npy(fixture("fortran_big.npy"));
  EXPECT_EQ(b.shape(), (Shape{4, 3}));
  EXPECT_EQ(b.values<double>(), counting(12));
  EXPECT_EQ(read_npy(fixture("fortran_vector.npy")).values<double>(), counting(5));
}

TEST(Npy, ReadsScalarsEmptyArraysAndNewerVersions) {
  const Tensor scalar = read_npy(fixture("scalar.npy"));
  EXPECT_EQ(scalar.shape(), Shape{});
  EXPECT_EQ(scalar.values<double>(), std::vector<double>{7.5});
  EXPECT_EQ(read_npy(fixture("empty.npy")).shape(), (Shape{0, 3}));
  EXPECT_EQ(read_npy(fixture("version2.npy")).values<double>(), counting(4));
  EXPECT_EQ(read_npy(fixture("version3.npy")).values<double>(), counting(4));
}

TEST(Npy, ViewsAPlainFileInsteadOfCopyingIt) {
  const auto buffer = buffer_of(read_bytes(fixture("f4.npy")));
  const Tensor tensor = decode_npy(buffer, "f4.npy");
  EXPECT_EQ(tensor.buffer(), buffer);
  EXPECT_NE(decode_npy(buffer_of(read_bytes(fixture("f4_big.npy"))), "x").buffer(), buffer);
}

TEST(Npy, ReadsElementsThatAreNotAligned) {
  const std::string dict = "{'descr':'<f8','fortran_order':False,'shape':(2,)}";
  ASSERT_NE((10 + dict.size()) % 8, 0u);
  const Tensor tensor = decode_npy(buffer_of(with_header(dict, 16)), "x");
  EXPECT_EQ(tensor.values<double>(), (std::vector<double>{0, 0}));
}

TEST(Npy, TakesAnyNonZeroByteAsTrue) {
  std::string file = with_header("{'descr': '|b1', 'fortran_order': False, 'shape': (2,)}", 2);
  file.back() = '\x05';
  EXPECT_EQ(decode_npy(buffer_of(file), "x").values<int>(), (std::vector<int>{0, 1}));
}

TEST(Npy, RefusesAFileCutAtAnyByte) {
  for (const char* name : {"f4.npy", "fortran.npy", "version2.npy", "bool.npy", "i8_big.npy"}) {
    const std::string whole = read_bytes(fixture(name));
    for (std::size_t size = 0; size < whole.size(); ++size) {
      expect_error([&] { decode_npy(buffer_of(whole.substr(0, size)), name); },
                   ErrorCode::kInvalidData, name);
    }
  }
}

TEST(Npy, SaysActualAndExpectedSizes) {
  const std::string whole = read_bytes(fixture("f4.npy"));
  expect_error([&] { decode_npy(buffer_of(whole.substr(0, whole.size() - 5)), "x.npy"); },
               ErrorCode::kInvalidData, "x.npy", "19", "f32[2,3]", "24", "cut off");
  expect_error([&] { decode_npy(buffer_of(whole + "zz"), "x.npy"); }, ErrorCode::kInvalidData, "26",
               "24");
}

TEST(Npy, RefusesHeadersThatLie) {
  const auto refuses = [](const std::string& dict, const char* part,
                          ErrorCode code = ErrorCode::kInvalidData) {
    expect_error([&] { decode_npy(buffer_of(with_header(dict, 8)), "x.npy"); }, code, "x.npy",
                 part);
  };
  const std::string rest = ", 'fortran_order': False}";
  refuses("{'descr': '<f4', 'shape': (4611686018427387904, 4)" + rest, "more elements");
  refuses("{'descr': '<f4', 'shape': (99999999999999999999,)" + rest, "bad dimension");
  refuses("{'descr': '<f4', 'shape': (1000000000,)" + rest, "4000000000");
  refuses("{'descr': '<f4', 'shape': (-2,)" + rest, "bad dimension");
  refuses("{'descr': '<f4', 'shape': (2)", "expected");
  refuses("{'descr': '<f4', 'shape': (2,), 'shape': (2,)" + rest, "twice");
  refuses("{'descr': '<f4', 'shape': (2,), 'evil': __import__('os')" + rest, "unknown key 'evil'");
  refuses("{'descr': __import__('os'), 'shape': (2,)" + rest, "quoted string");
  refuses("{'descr': '<f4', 'shape': (2,)}", "lacks fortran_order");
  refuses("{'descr': '<f4', 'shape': (2,), 'fortran_order': 1}", "no bool");
  refuses("{'descr': '<f4', 'shape': (2,)" + rest + " x", "text after");
  refuses("{'descr': 'f4', 'shape': (2,)" + rest, "no NumPy type");
  refuses("{'descr': '<f4", "without an end");
  refuses("{'descr': '<f4', 'shape': (1,1,1,1,1,1,1,1,1,1,1,1,2)" + rest, "12 dimensions",
          ErrorCode::kUnsupported);
}

TEST(Npy, NamesTheTypesItDoesNotRead) {
  expect_error([] { read_npy(fixture("complex.npy")); }, ErrorCode::kUnsupported, "complex.npy",
               "<c8");
  expect_error([] { read_npy(fixture("text.npy")); }, ErrorCode::kUnsupported, "<U2");
  expect_error([] { read_npy(fixture("object.npy")); }, ErrorCode::kUnsupported, "|O");
  expect_error([] { read_npy(fixture("record.npy")); }, ErrorCode::kUnsupported, "record");
  expect_error([] { read_npy(fixture("golden.tfevents")); }, ErrorCode::kInvalidData, "no .npy");
  expect_error([] { read_npy(fixture("absent.npy")); }, ErrorCode::kIo, "absent.npy");
}

std::span<const std::byte> bytes_of_text(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

TEST(Npy, ReadsTextsAsUtf8) {
  const std::string file = read_bytes(fixture("text.npy"));
  EXPECT_EQ(decode_npy_texts(bytes_of_text(file), "text.npy"),
            (std::vector<std::string>{"a", "bc"}));
  const std::string numbers = read_bytes(fixture("f4.npy"));
  EXPECT_FALSE(decode_npy_texts(bytes_of_text(numbers), "f4.npy").has_value());
  for (std::size_t size = 0; size < file.size(); ++size) {
    const std::string cut = file.substr(0, size);
    expect_error([&] { decode_npy_texts(bytes_of_text(cut), "cut.npy"); }, ErrorCode::kInvalidData,
                 "cut.npy");
  }
}

TEST(Npy, WritesTheBytesNumpyWrites) {
  const TempFolder folder;
  for (const char* name : {"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "bool",
                           "scalar", "empty"}) {
    const std::string original = fixture(std::string(name) + ".npy");
    const std::string copy = folder.path("copy.npy");
    write_npy(copy, read_npy(original));
    EXPECT_EQ(read_bytes(copy), read_bytes(original)) << name;
  }
}

}  // namespace
}  // namespace temper::training
