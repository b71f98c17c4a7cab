// safetensors files: reading, writing, and every rule of the format broken once.
#include "training/formats/safetensors.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/training/test_files.h"

namespace temper::training {
namespace {

std::string file_of(const std::string& header, std::size_t data_bytes) {
  std::string file;
  for (std::size_t i = 0; i < 8; ++i) {
    file += static_cast<char>(header.size() >> (8 * i));
  }
  return file + header + std::string(data_bytes, '\0');
}

TEST(Safetensors, ReadsTensorsByNameInTheOrderOfTheirBytes) {
  const SafetensorsFile file = read_safetensors(fixture("small.safetensors"));
  ASSERT_EQ(file.tensors.size(), 2u);
  EXPECT_EQ(file.tensors[0].first, "a.bias");
  EXPECT_EQ(file.metadata.at("format"), "pt");
  const Tensor* weight = file.find("b.weight");
  ASSERT_NE(weight, nullptr);
  EXPECT_EQ(weight->shape(), (Shape{2, 3}));
  EXPECT_EQ(weight->values<float>(), (std::vector<float>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(file.find("a.bias")->dtype(), DType::kFloat16);
  EXPECT_EQ(file.find("a.bias")->values<float>(), (std::vector<float>{1.5f, -2.0f}));
  EXPECT_EQ(file.find("c"), nullptr);
}

TEST(Safetensors, WritesEveryTypeAlignedAndReadsItBack) {
  const TempFolder folder;
  const std::vector<int> values = {1, 0, 1};
  std::vector<std::pair<std::string, Tensor>> tensors;
  for (const DType dtype :
       {DType::kBool, DType::kInt8, DType::kUInt8, DType::kInt16, DType::kUInt16, DType::kFloat16,
        DType::kBFloat16, DType::kInt32, DType::kUInt32, DType::kFloat32, DType::kInt64,
        DType::kUInt64, DType::kFloat64}) {
    tensors.emplace_back(std::string(to_string(dtype)), Tensor::from<int>(dtype, Shape{3}, values));
  }
  tensors.emplace_back("scalar", Tensor::scalar<double>(DType::kFloat64, 2.5));
  tensors.emplace_back("empty", Tensor(DType::kFloat32, Shape{0, 4}));
  const std::map<std::string, std::string> metadata = {{"b", "\"2\""}, {"a", "1"}};
  write_safetensors(folder.path("a.safetensors"), tensors, metadata);
  std::reverse(tensors.begin(), tensors.end());
  write_safetensors(folder.path("b.safetensors"), tensors, metadata);
  EXPECT_EQ(read_bytes(folder.path("a.safetensors")), read_bytes(folder.path("b.safetensors")));

  const SafetensorsFile file = read_safetensors(folder.path("a.safetensors"));
  EXPECT_EQ(file.metadata, metadata);
  ASSERT_EQ(file.tensors.size(), tensors.size());
  for (const auto& [name, tensor] : tensors) {
    ASSERT_NE(file.find(name), nullptr) << name;
    EXPECT_TRUE(equal_bits(*file.find(name), tensor)) << name;
    EXPECT_EQ(file.find(name)->buffer(), file.tensors[0].second.buffer()) << name << " was copied";
  }
  const std::string bytes = read_bytes(folder.path("a.safetensors"));
  EXPECT_EQ(
      (8 + static_cast<unsigned char>(bytes[0]) + 256 * static_cast<unsigned char>(bytes[1])) % 64,
      0);
}

TEST(Safetensors, RefusesAFileCutAtAnyByte) {
  const std::string whole = read_bytes(fixture("small.safetensors"));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    expect_error([&] { decode_safetensors(buffer_of(whole.substr(0, size)), "cut"); },
                 ErrorCode::kInvalidModel, "cut");
  }
}

TEST(Safetensors, RefusesEveryBrokenRule) {
  const auto refuses = [](const std::string& header, std::size_t data, const char* part,
                          ErrorCode code = ErrorCode::kInvalidModel) {
    expect_error([&] { decode_safetensors(buffer_of(file_of(header, data)), "f"); }, code, part);
  };
  const auto entry = [](const std::string& shape, const std::string& offsets) {
    return R"({"dtype":"F32","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
  };
  const std::string good = entry("[2]", "[0,8]");
  decode_safetensors(buffer_of(file_of(R"({"a":)" + good + "}", 8)), "f");

  expect_error([] { decode_safetensors(buffer_of("1234567"), "f"); }, ErrorCode::kInvalidModel,
               "at least 8");
  expect_error([] { decode_safetensors(buffer_of("\xff\xff\xff\xff\xff\xff\xff\xff{}"), "f"); },
               ErrorCode::kInvalidModel, "the most is 100000000");
  refuses("[]", 0, "begin with '{'");
  refuses("{\"a\":", 0, "JSON");
  refuses(R"({"a":)" + good + R"(,"a":)" + good + "}", 8, "twice");
  refuses(R"({"__metadata__":{"k":1}})", 0, "no string");
  refuses(R"({"__metadata__":[]})", 0, "no object");
  refuses(R"({"a":)" + good + "}", 9, "the data at 9");
  refuses(R"({"a":)" + good + "}", 7, "cut off");
  refuses(R"({"a":)" + entry("[2]", "[4,12]") + "}", 12, "begin at 0");
  refuses(R"({"a":)" + good + R"(,"b":)" + entry("[1]", "[4,8]") + "}", 8, "begin at 8");
  refuses(R"({"a":)" + good + R"(,"b":)" + entry("[1]", "[12,16]") + "}", 16, "begin at 8");
  refuses(R"({"a":)" + entry("[2]", "[8,0]") + "}", 8, "begin at 0");
  refuses(R"({"a":)" + entry("[3]", "[0,8]") + "}", 8, "takes 12 bytes");
  refuses(R"({"a":)" + entry("[4611686018427387904,4]", "[0,8]") + "}", 8, "more elements");
  refuses(R"({"a":)" + entry("[0,4611686018427387904,9]", "[0,0]") + "}", 0, "more elements");
  refuses(R"({"a":)" + entry("[-2]", "[0,8]") + "}", 8, "whole number");
  refuses(R"({"a":)" + entry("[2.5]", "[0,8]") + "}", 8, "whole number");
  refuses(R"({"a":)" + entry("[2]", "[0,8,9]") + "}", 8, "expected exactly");
  refuses(R"({"a":7})", 0, "expected exactly");
  refuses(R"({"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}})", 1, "F8_E4M3",
          ErrorCode::kUnsupported);
  std::string file = file_of(R"({"a":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}})", 1);
  file.back() = '\x02';
  expect_error([&] { decode_safetensors(buffer_of(file), "f"); }, ErrorCode::kInvalidModel,
               "neither 0 nor 1");
}

TEST(Safetensors, RefusesNamesItCannotWrite) {
  const TempFolder folder;
  const Tensor a(DType::kFloat32, Shape{1});
  expect_error([&] { write_safetensors(folder.path("x"), {{"a", a}, {"a", a}}); },
               ErrorCode::kInvalidArgument, "'a'");
  expect_error([&] { write_safetensors(folder.path("x"), {{"__metadata__", a}}); },
               ErrorCode::kInvalidArgument, "reserved");
  EXPECT_FALSE(std::filesystem::exists(folder.path("x")));
}

}  // namespace
}  // namespace temper::training
