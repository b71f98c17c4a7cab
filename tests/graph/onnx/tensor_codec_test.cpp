// Every encoding of a tensor that ONNX allows, read and written back.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "graph/onnx/export.h"
#include "graph/onnx/import.h"
#include "graph/ops/standard_ops.h"
#include "tests/graph/onnx/expect_error.h"
#include "tests/graph/onnx/wire_writer.h"

namespace temper::test {
namespace {

using graph::Graph;
using graph::OnnxModel;

constexpr int kFloat = 1, kUint8 = 2, kInt8 = 3, kUint16 = 4, kInt16 = 5, kInt32 = 6, kInt64 = 7,
              kBool = 9, kFloat16 = 10, kDouble = 11, kUint32 = 12, kUint64 = 13, kBfloat16 = 16;

std::string model_with(const Message& tensor) {
  ModelParts parts;
  parts.nodes = {node("Identity", {"t"}, {"y"})};
  parts.initializers = {tensor};
  return parts.bytes();
}

Tensor read(const Message& tensor) {
  const TemporaryFolder folder;
  const OnnxModel model = OnnxModel::load(folder.write("m.onnx", model_with(tensor)));
  const Graph built = model.build_graph(graph::standard_ops());
  const auto& value = built.value(built.node(NodeId{0}).inputs[0]);
  return value.variable.valid() ? built.variable(value.variable).initial : value.constant;
}

void expect_values(const Message& tensor, DType dtype, const std::vector<double>& expected) {
  const Tensor got = read(tensor);
  EXPECT_EQ(got.dtype(), dtype);
  EXPECT_EQ(got.values<double>(), expected);
}

TEST(TensorCodec, ReadsRawDataOfEveryType) {
  expect_values(raw_tensor<float>("t", kFloat, {2}, {1.5f, -2}), DType::kFloat32, {1.5, -2});
  expect_values(raw_tensor<double>("t", kDouble, {2}, {0.1, -2}), DType::kFloat64, {0.1, -2});
  expect_values(raw_tensor<std::uint16_t>("t", kFloat16, {2}, {0x3c00, 0x0001}), DType::kFloat32,
                {1, 0x1p-24});
  expect_values(raw_tensor<std::uint16_t>("t", kBfloat16, {2}, {0x3f80, 0xc000}), DType::kFloat32,
                {1, -2});
  expect_values(raw_tensor<std::int8_t>("t", kInt8, {2}, {-128, 127}), DType::kInt8, {-128, 127});
  expect_values(raw_tensor<std::int16_t>("t", kInt16, {2}, {-300, 300}), DType::kInt16,
                {-300, 300});
  expect_values(raw_tensor<std::int32_t>("t", kInt32, {2}, {-70000, 2}), DType::kInt32,
                {-70000, 2});
  expect_values(raw_tensor<std::int64_t>("t", kInt64, {2}, {-1, 1ll << 40}), DType::kInt64,
                {-1, 0x1p40});
  expect_values(raw_tensor<std::uint8_t>("t", kUint8, {2}, {0, 255}), DType::kUInt8, {0, 255});
  expect_values(raw_tensor<std::uint16_t>("t", kUint16, {1}, {65535}), DType::kUInt16, {65535});
  expect_values(raw_tensor<std::uint32_t>("t", kUint32, {1}, {4294967295u}), DType::kUInt32,
                {4294967295.0});
  expect_values(raw_tensor<std::uint64_t>("t", kUint64, {1}, {1ull << 50}), DType::kUInt64,
                {0x1p50});
  expect_values(raw_tensor<std::uint8_t>("t", kBool, {3}, {0, 1, 7}), DType::kBool, {0, 1, 1});
}

TEST(TensorCodec, ReadsTypedListsOfEveryType) {
  const auto head = [](int type, std::int64_t count) { return tensor_head("t", type, {count}); };
  expect_values(head(kFloat, 2).fixed_list<float>(4, {1.5f, -2}), DType::kFloat32, {1.5, -2});
  expect_values(head(kDouble, 2).fixed_list<double>(10, {0.1, -2}), DType::kFloat64, {0.1, -2});
  expect_values(head(kInt64, 2).varint_list(7, {-1, 1ll << 40}), DType::kInt64, {-1, 0x1p40});
  expect_values(head(kInt32, 2).varint_list(5, {-7, 8}), DType::kInt32, {-7, 8});
  expect_values(head(kInt16, 2).varint_list(5, {-300, 300}), DType::kInt16, {-300, 300});
  expect_values(head(kInt8, 2).varint_list(5, {-128, 127}), DType::kInt8, {-128, 127});
  expect_values(head(kUint8, 2).varint_list(5, {0, 255}), DType::kUInt8, {0, 255});
  expect_values(head(kUint16, 1).varint_list(5, {65535}), DType::kUInt16, {65535});
  expect_values(head(kBool, 2).varint_list(5, {0, 1}), DType::kBool, {0, 1});
  expect_values(head(kFloat16, 2).varint_list(5, {0x3c00, 0xc500}), DType::kFloat32, {1, -5});
  expect_values(head(kBfloat16, 1).varint_list(5, {0xc000}), DType::kFloat32, {-2});
  expect_values(head(kUint32, 1).varint_list(11, {4294967295ll}), DType::kUInt32, {4294967295.0});
  expect_values(head(kUint64, 1).varint_list(11, {1ll << 50}), DType::kUInt64, {0x1p50});
}

TEST(TensorCodec, ReadsNarrowTypesPackedAndAsLists) {
  constexpr int kE4m3fn = 17, kUint4 = 21, kInt4 = 22, kUint2 = 25;
  expect_values(raw_tensor<std::uint8_t>("t", kE4m3fn, {2}, {0x38, 0xfe}), DType::kFloat8E4M3FN,
                {1, -448});
  expect_values(tensor_head("t", kE4m3fn, {1}).varint_list(5, {0x38}), DType::kFloat8E4M3FN, {1});
  // Three elements of four bits in two bytes, the low bits first.
  expect_values(tensor_head("t", kInt4, {3}).text(9, std::string("\x2f\x08", 2)), DType::kInt4,
                {-1, 2, -8});
  expect_values(tensor_head("t", kUint4, {3}).varint_list(5, {0x2f, 0x08}), DType::kUInt4,
                {15, 2, 8});
  expect_values(tensor_head("t", kUint2, {3}).varint_list(5, {0x24}), DType::kUInt2, {0, 1, 2});
}

TEST(TensorCodec, ReadsListsThatAreNotPacked) {
  expect_values(tensor_head("t", kFloat, {2}).real(4, 1.5f).real(4, -2), DType::kFloat32,
                {1.5, -2});
  expect_values(tensor_head("t", kInt64, {2}).number(7, -1).number(7, 5), DType::kInt64, {-1, 5});
}

TEST(TensorCodec, ReadsScalarsAndEmptyTensors) {
  EXPECT_EQ(read(floats("t", {}, {3})).shape(), Shape{});
  EXPECT_EQ(read(ints("t", {})).element_count(), 0);
}

TEST(TensorCodec, RefusesSizesThatDoNotFit) {
  const auto load = [](const Message& tensor) {
    const TemporaryFolder folder;
    OnnxModel::load(folder.write("m.onnx", model_with(tensor)));
  };
  expect_error(ErrorCode::kInvalidModel, "takes 12 bytes, but its raw_data has 8",
               [&] { load(floats("t", {3}, {1, 2})); });
  expect_error(ErrorCode::kInvalidModel, "takes 4 bytes, but its raw_data has 8",
               [&] { load(floats("t", {1}, {1, 2})); });
  expect_error(ErrorCode::kInvalidModel, "takes 3 values, but 2 are there",
               [&] { load(tensor_head("t", kFloat, {3}).fixed_list<float>(4, {1, 2})); });
  expect_error(ErrorCode::kInvalidModel, "takes 3 values, but 0 are there",
               [&] { load(tensor_head("t", kFloat, {3})); });
  expect_error(ErrorCode::kInvalidModel, "data of two kinds",
               [&] { load(floats("t", {1}, {1}).fixed_list<float>(4, {1})); });
  expect_error(ErrorCode::kInvalidModel, "field of another type",
               [&] { load(tensor_head("t", kFloat, {1}).varint_list(7, {1})); });
  expect_error(ErrorCode::kInvalidModel, "the dimension -1",
               [&] { load(tensor_head("t", kFloat, {-1})); });
  expect_error(ErrorCode::kInvalidModel, "element type 99",
               [&] { load(tensor_head("t", 99, {1})); });
}

TEST(TensorCodec, RefusesShapesWhoseProductOverflows) {
  const auto load = [](const Dims& dims) {
    const TemporaryFolder folder;
    OnnxModel::load(folder.write("m.onnx", model_with(tensor_head("t", kFloat, dims))));
  };
  expect_error(ErrorCode::kInvalidModel, "overflows", [&] { load({1ll << 32, 1ll << 32}); });
  expect_error(ErrorCode::kInvalidModel, "overflows", [&] { load({0, 1ll << 40, 1ll << 40}); });
  expect_error(ErrorCode::kInvalidModel, "overflows", [&] { load({INT64_MAX, 2}); });
  expect_error(ErrorCode::kUnsupported, "at most 12", [&] { load(Dims(13, 1)); });
}

// The exported file, with `value` in place of the initializer "t".
std::string export_with(const Message& tensor, const Tensor& value) {
  const TemporaryFolder folder;
  ModelParts parts;
  parts.nodes = {node("MatMul", {"x", "t"}, {"y"})};
  parts.initializers = {tensor};
  const OnnxModel model = OnnxModel::load(folder.write("m.onnx", parts.bytes()));
  graph::export_model(model, {{"t", value}}, folder.path("out.onnx"));
  return folder.read("out.onnx");
}

std::string expected_file(const Message& tensor) {
  ModelParts parts;
  parts.nodes = {node("MatMul", {"x", "t"}, {"y"})};
  parts.initializers = {tensor};
  return parts.bytes();
}

// Fields in the order of their numbers, as protobuf writes them.
Message list_tensor(int type, int field, const std::string& packed) {
  return Message().number(1, 2).number(2, type).text(field, packed).text(8, "t");
}

Tensor values(DType dtype, const std::vector<double>& numbers) {
  return Tensor::from<double>(dtype, {static_cast<std::int64_t>(numbers.size())}, numbers);
}

TEST(TensorCodec, WritesValuesInTheEncodingTheyCameIn) {
  const auto raw16 = [](int type, std::vector<std::uint16_t> bits) {
    return Message().number(1, 2).number(2, type).text(8, "t").text(9, Message::raw(bits));
  };
  const Tensor fresh = values(DType::kFloat32, {0.5, -3});
  EXPECT_EQ(export_with(floats("t", {2}, {1, 2}), fresh),
            expected_file(floats("t", {2}, {0.5f, -3})));
  EXPECT_EQ(export_with(list_tensor(kFloat, 4, Message::raw<float>({1, 2})), fresh),
            expected_file(list_tensor(kFloat, 4, Message::raw<float>({0.5f, -3}))));
  EXPECT_EQ(export_with(raw16(kFloat16, {0, 0}), fresh),
            expected_file(raw16(kFloat16, {0x3800, 0xc200})));
  EXPECT_EQ(export_with(raw16(kBfloat16, {0, 0}), fresh),
            expected_file(raw16(kBfloat16, {0x3f00, 0xc040})));
  EXPECT_EQ(
      export_with(Message().number(1, 2).number(2, kFloat16).varint_list(5, {0, 0}).text(8, "t"),
                  fresh),
      expected_file(Message()
                        .number(1, 2)
                        .number(2, kFloat16)
                        .varint_list(5, {0x3800, 0xc200})
                        .text(8, "t")));
  const auto doubles = [](std::vector<double> numbers) {
    return Message().number(1, 2).number(2, kDouble).text(8, "t").fixed_list(10, numbers);
  };
  EXPECT_EQ(export_with(doubles({1, 2}), values(DType::kFloat64, {0.1, 3})),
            expected_file(doubles({0.1, 3})));
}

TEST(TensorCodec, RoundsToNearestEvenInSixteenBits) {
  const Message before = Message()
                             .number(1, 2)
                             .number(2, kFloat16)
                             .text(8, "t")
                             .text(9, Message::raw<std::uint16_t>({0, 0}));
  // 1 + 2^-11 lies halfway between 0x3c00 and 0x3c01, 1 + 3 * 2^-11 between 0x3c01 and 0x3c02.
  EXPECT_EQ(export_with(before, values(DType::kFloat32, {1 + 0x1p-11, 1 + 3 * 0x1p-11})),
            expected_file(Message()
                              .number(1, 2)
                              .number(2, kFloat16)
                              .text(8, "t")
                              .text(9, Message::raw<std::uint16_t>({0x3c00, 0x3c02}))));
}

TEST(TensorCodec, RefusesAFiniteValueThatOverflowsTheFilesType) {
  const Message half = raw_tensor<std::uint16_t>("t", kFloat16, {2}, {0, 0});
  expect_error(ErrorCode::kInvalidArgument, "does not fit the file's type FLOAT16",
               [&] { export_with(half, values(DType::kFloat32, {1, 70000})); });
  EXPECT_NO_THROW(export_with(half, values(DType::kFloat32, {1, INFINITY})));
}

TEST(TensorCodec, KeepsTheBitsOfUnchangedSixteenBitNaNs) {
  const Message signalling = raw_tensor<std::uint16_t>("t", kFloat16, {2}, {0x7d01, 0x3c00});
  EXPECT_EQ(export_with(signalling, read(signalling)), expected_file(signalling));
}

TEST(TensorCodec, RefusesOtherShapesAndUnknownNames) {
  expect_error(ErrorCode::kInvalidArgument, "its shape is [3], but in the file it is [2]",
               [&] { export_with(floats("t", {2}, {1, 2}), values(DType::kFloat32, {1, 2, 3})); });
  expect_error(ErrorCode::kInvalidArgument, "has no such tensor", [] {
    const TemporaryFolder folder;
    const OnnxModel model =
        OnnxModel::load(folder.write("m.onnx", model_with(floats("t", {1}, {1}))));
    graph::export_model(model, {{"u", values(DType::kFloat32, {1})}}, folder.path("out.onnx"));
  });
}

}  // namespace
}  // namespace temper::test
