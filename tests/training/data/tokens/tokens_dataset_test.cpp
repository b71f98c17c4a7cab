// Token files as data: windows, headers, several files, splits, and what is wrong with them.
#include "training/data/tokens/tokens_dataset.h"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>

#include "tests/training/test_files.h"
#include "training/data/split.h"
#include "training/formats/npy.h"

namespace temper::training {
namespace {

template <class T>
std::string bytes_of_tokens(const std::vector<T>& tokens) {
  std::string bytes(tokens.size() * sizeof(T), '\0');
  std::memcpy(bytes.data(), tokens.data(), bytes.size());
  return bytes;
}

// 100, 101, ...
template <class T = std::uint16_t>
std::string counting(std::size_t count, T first = 100) {
  std::vector<T> tokens(count);
  std::iota(tokens.begin(), tokens.end(), first);
  return bytes_of_tokens(tokens);
}

std::string llm_c_header(std::int32_t magic, std::int32_t version, std::int32_t count) {
  std::vector<std::int32_t> words(256);
  words[0] = magic;
  words[1] = version;
  words[2] = count;
  return bytes_of_tokens(words);
}

DataOptions options_for(std::int64_t block, std::int64_t stride = 0) {
  DataOptions options;
  options.settings.format = "tokens";
  options.inputs = {{"idx", DType::kInt64, Shape{block}, ""}};
  options.settings.stride = stride;
  return options;
}

std::vector<std::int64_t> row_of(const Dataset& data, std::size_t field, std::int64_t row) {
  std::vector<Tensor> out;
  for (const Field& each : data.fields()) {
    out.emplace_back(each.dtype, Shape{1, each.row_shape[0]});
  }
  data.read(std::span<const std::int64_t>(&row, 1), out);
  return out[field].values<std::int64_t>();
}

using Tokens = std::vector<std::int64_t>;

TEST(TokensDataset, GivesWindowsAndTheirNextTokens) {
  const TempFolder folder;
  const std::string path = folder.write("a.bin", counting(11));
  const auto data = open_dataset(path, options_for(3));
  ASSERT_EQ(data->count(), 3) << "the last window would lack its next token";
  EXPECT_EQ(row_of(*data, 0, 0), (Tokens{100, 101, 102}));
  EXPECT_EQ(row_of(*data, 1, 0), (Tokens{101, 102, 103}));
  EXPECT_EQ(row_of(*data, 0, 2), (Tokens{106, 107, 108}));
  EXPECT_EQ(data->where(0, 2), path + ", tokens 6 to 8");
  EXPECT_EQ(data->where(1, 2), path + ", tokens 7 to 9");
  EXPECT_EQ(data->description(), "11 tokens (u16): windows of 3, each 3 after the one before");
  EXPECT_EQ(open_dataset(path, options_for(10))->count(), 1);
  DataOptions inputs_only = options_for(11);
  inputs_only.require_targets = false;
  EXPECT_EQ(row_of(*open_dataset(path, inputs_only), 0, 0).back(), 110);
  const auto overlapping = open_dataset(path, options_for(3, 2));
  ASSERT_EQ(overlapping->count(), 4);
  EXPECT_EQ(row_of(*overlapping, 0, 3), (Tokens{106, 107, 108}));
}

TEST(TokensDataset, ReadsEachKindOfFile) {
  const TempFolder folder;
  DataOptions options = options_for(2);
  const auto first = [&](const std::string& path) {
    return row_of(*open_dataset(path, options), 1, 0);
  };
  options.settings.format = "auto";
  const std::string narrow = llm_c_header(20240520, 1, 5) + counting(5);
  EXPECT_EQ(first(folder.write("a.bin", narrow)), (Tokens{101, 102}));
  const std::string wide = llm_c_header(20240801, 7, 5) + counting<std::uint32_t>(5, 100'000);
  EXPECT_EQ(first(folder.write("train.bin", wide)), (Tokens{100'001, 100'002}));
  options.settings.format = "tokens";
  const std::vector<std::int64_t> values = {7, 8, 9};
  write_npy(folder.path("a.npy"), Tensor::from<std::int64_t>(DType::kInt32, Shape{3}, values));
  EXPECT_EQ(first(folder.path("a.npy")), (Tokens{8, 9}));
  options.settings.token_dtype = "u32";
  EXPECT_EQ(first(folder.write("b.bin", counting<std::uint32_t>(3, 70'000))),
            (Tokens{70'001, 70'002}));
  options.inputs[0].dtype = DType::kInt32;
  const auto data = open_dataset(folder.path("b.bin"), options);
  EXPECT_EQ(data->fields()[0].dtype, DType::kInt32);
  EXPECT_EQ(row_of(*data, 0, 0), (Tokens{70'000, 70'001}));
}

TEST(TokensDataset, KeepsWindowsWithinTheirFiles) {
  const TempFolder folder;
  folder.write("t_1.bin", counting(7));
  folder.write("t_2.bin", counting(2));  // shorter than a window
  folder.write("t_3.bin", counting<std::uint16_t>(4, 500));
  const auto data = open_dataset(folder.path("t_*.bin"), options_for(3));
  ASSERT_EQ(data->count(), 3);
  EXPECT_EQ(row_of(*data, 1, 1), (Tokens{104, 105, 106}));
  EXPECT_EQ(row_of(*data, 1, 2), (Tokens{501, 502, 503}));
  EXPECT_EQ(data->where(0, 2), folder.path("t_3.bin") + ", tokens 0 to 2");
  folder.write("t_3.bin", counting<std::uint16_t>(4, 501));
  EXPECT_NE(data->fingerprint(),
            open_dataset(folder.path("t_*.bin"), options_for(3))->fingerprint());
}

TEST(TokensDataset, GivesAMaskAndPositionsToModelsThatTakeThem) {
  const TempFolder folder;
  DataOptions options = options_for(3);
  options.inputs.push_back({"attention_mask", DType::kInt64, Shape{3}, ""});
  options.inputs.push_back({"position_ids", DType::kInt32, Shape{3}, ""});
  const auto data = open_dataset(folder.write("a.bin", counting(8)), options);
  EXPECT_EQ(row_of(*data, 1, 1), (Tokens{1, 1, 1}));
  EXPECT_EQ(row_of(*data, 2, 1), (Tokens{0, 1, 2}));
  EXPECT_EQ(row_of(*data, 3, 1), (Tokens{104, 105, 106}));
  options.inputs.push_back({"more", DType::kInt64, Shape{3}, ""});
  expect_error([&] { open_dataset(folder.path("a.bin"), options); }, ErrorCode::kInvalidData,
               "one input of tokens", "idx, more");
}

TEST(TokensDataset, SplitsSoThatNoWindowOverlapsWithOneHeldOut) {
  const TempFolder folder;
  for (const std::int64_t stride : {1, 2, 3, 4, 7}) {
    const auto data = open_dataset(folder.write("a.bin", counting(60)), options_for(4, stride));
    const Split split = split_rows_in_order(data->count(), 0.25, data->rows_apart());
    const std::int64_t last_target = split.train.back() * stride + 4;
    const std::int64_t first_input = split.val.front() * stride;
    EXPECT_LE(last_target, first_input) << "stride " << stride;
    EXPECT_GT(last_target + stride, first_input) << "no more is left out than need be";
    EXPECT_EQ(split.val.back(), data->count() - 1);
    EXPECT_EQ(split.train.front(), 0);
  }
  expect_error([] { split_rows_in_order(10, 0.5, 9); }, ErrorCode::kInvalidArgument,
               "leaves nothing to train on", "data.stride");
}

TEST(TokensDataset, FindsATokenOutOfRangeWithItsPlace) {
  const TempFolder folder;
  std::string bytes = counting(10'000, std::uint16_t{0});
  bytes[2 * 5000 + 1] = '\x7f';
  const std::string path = folder.write("a.bin", bytes);
  const auto data = open_dataset(path, options_for(16));
  EXPECT_FALSE(data->find_outside(0, {0, 40'000, {}}).has_value());
  const auto found = data->find_outside(1, {0, 10'000, {}});
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->where, path + ", token 5000");
  EXPECT_EQ(found->value, 0x7f00 + 5000 % 256);
  EXPECT_FALSE(data->find_outside(1, {0, 10'000, found->value}).has_value());
  expect_error([&] { data->labels(1); }, ErrorCode::kInvalidData, "a.bin", "does not apply");
}

TEST(TokensDataset, RefusesFilesThatDoNotFit) {
  const TempFolder folder;
  const auto refuses = [&](const std::string& bytes, const DataOptions& options, ErrorCode code,
                           const char* a, const char* b) {
    expect_error([&] { open_dataset(folder.write("a.bin", bytes), options); }, code, a, b);
  };
  const DataOptions options = options_for(4);
  refuses("", options, ErrorCode::kInvalidData, "a.bin has 0 bytes of tokens", "u16");
  refuses("abc", options, ErrorCode::kInvalidData, "3 bytes of tokens", "cut off");
  refuses(counting(4), options, ErrorCode::kInvalidData, "a.bin has 4 tokens", "takes 5");
  const std::string header = llm_c_header(20240520, 1, 6);
  refuses(header + counting(5), options, ErrorCode::kInvalidData, "it has 6 tokens, but has 5",
          "cut off");
  refuses(header + counting(7), options, ErrorCode::kInvalidData, "it has 6 tokens", "has 7");
  refuses(header, options, ErrorCode::kInvalidData, "0 bytes of tokens after its header", "u16");
  refuses(llm_c_header(20240520, 1, -6) + counting(6), options, ErrorCode::kInvalidData,
          "it has -6 tokens", "has 6");
  DataOptions other = options;
  other.settings.token_dtype = "u32";
  refuses(header + counting(6), other, ErrorCode::kInvalidData, "its tokens are u16",
          "data.token_dtype = \"u32\"");
  refuses(counting(5), other, ErrorCode::kInvalidData, "10 bytes of tokens", "expected 4");
  other = options;
  other.inputs[0].dtype = DType::kFloat32;
  refuses(counting(9), other, ErrorCode::kInvalidData, "'idx' takes f32", "i32 or i64");
  other = options;
  other.inputs[0].row_shape = Shape{2, 2};
  refuses(counting(9), other, ErrorCode::kInvalidData, "rows of shape [2,2]", "[length]");
  other.inputs[0].row_shape.reset();
  refuses(counting(9), other, ErrorCode::kInvalidArgument, "any length", "data.block");
  other.settings.block = 4;
  EXPECT_EQ(open_dataset(folder.path("a.bin"), other)->count(), 2);
  other = options;
  other.settings.format = "auto";
  refuses(counting(9), other, ErrorCode::kUnsupported, "does not say what it is", "\"tokens\"");
  expect_error([&] { open_dataset(folder.write("train.bin", counting(9)), other); },
               ErrorCode::kInvalidData, "no whole number of CIFAR-100's records",
               "data.format = \"tokens\"");
}

TEST(TokensDataset, RefusesTokensThatTheInputCannotHold) {
  const TempFolder folder;
  DataOptions options = options_for(2);
  const std::string path = folder.path("a.npy");
  const std::vector<std::int64_t> values = {1, 2, 3, -4, 5};
  write_npy(path, Tensor::from<std::int64_t>(DType::kInt64, Shape{5}, values));
  expect_error([&] { open_dataset(path, options); }, ErrorCode::kInvalidData, "a.npy, token 3",
               "-4", "0 or more");
  write_npy(path, Tensor::from<std::int64_t>(DType::kInt64, Shape{5, 1}, values));
  expect_error([&] { open_dataset(path, options); }, ErrorCode::kUnsupported, "a.npy is i64[5,1]");
  options.settings.token_dtype = "u32";
  options.inputs[0].dtype = DType::kInt32;
  const std::string wide = folder.write("a.bin", counting<std::uint32_t>(5, 0x7ffffffe));
  expect_error([&] { open_dataset(wide, options); }, ErrorCode::kInvalidData, "a.bin, token 2",
               "2147483648", "the model takes i32");
  options.inputs[0].dtype = DType::kInt64;
  EXPECT_EQ(open_dataset(wide, options)->count(), 2);
}

}  // namespace
}  // namespace temper::training
