// Tensors that are files of their own.
#include "graph/onnx/tensor_file.h"

#include <gtest/gtest.h>

#include "tests/graph/onnx/expect_error.h"
#include "tests/graph/onnx/wire_writer.h"

namespace temper::test {
namespace {

TEST(TensorFile, IsReadWithItsShapeAndType) {
  const TemporaryFolder folder;
  const Message tensor = raw_tensor<std::int16_t>("t", 5, {2, 1}, {-300, 300});
  const Tensor got = graph::read_tensor_file(folder.write("t.pb", tensor.bytes()));
  EXPECT_EQ(got.dtype(), DType::kInt16);
  EXPECT_EQ(got.shape(), (Shape{2, 1}));
  EXPECT_EQ(got.values<double>(), (std::vector<double>{-300, 300}));
}

TEST(TensorFile, IsRefusedWithItsPathWhenItIsNoTensor) {
  const TemporaryFolder folder;
  const auto read = [&](const std::string& content) {
    return [path = folder.write("t.pb", content)] { graph::read_tensor_file(path); };
  };
  const std::string whole = raw_tensor<float>("t", 1, {3}, {1, 2, 3}).bytes();
  expect_error(ErrorCode::kInvalidModel, "t.pb", read("no tensor at all"));
  expect_error(ErrorCode::kInvalidModel, "t.pb", read(whole.substr(0, whole.size() - 1)));
  expect_error(ErrorCode::kInvalidModel, "t.pb", read(""));
  expect_error(ErrorCode::kInvalidModel, "another file",
               read(external_tensor("t", {3}, "data.bin", 0, 12).bytes()));
  expect_error(ErrorCode::kUnsupported, "COMPLEX64",
               read(raw_tensor<float>("t", 14, {1}, {0, 0}).bytes()));
}

}  // namespace
}  // namespace temper::test
