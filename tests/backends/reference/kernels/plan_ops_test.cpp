// The reference kernels of lowering's own ops on layouts and on a step that is not applied.
#include <gtest/gtest.h>

#include <numeric>

#include "backends/reference/reference_backend.h"
#include "runtime/memory/tensor.h"

namespace temper::reference {
namespace {

TensorSpec spec_of(const Tensor& tensor) {
  TensorSpec spec;
  spec.dtype = tensor.dtype();
  spec.shape = tensor.shape();
  spec.layout = tensor.layout();
  return spec;
}

OpQuery make_query(const char* op, const std::vector<Tensor>& inputs, const Tensor& output) {
  static const Attrs kNone;
  OpQuery query;
  query.op = op;
  query.attrs = &kNone;
  for (const Tensor& input : inputs) {
    query.inputs.push_back(spec_of(input));
  }
  query.outputs = {spec_of(output)};
  return query;
}

void run(const char* op, std::vector<Tensor> inputs, Tensor output) {
  const auto backend = make_reference_backend();
  const SelectedKernel selected = select_kernel(*backend, make_query(op, inputs, output));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    ASSERT_EQ(selected.kernel->input_layouts.at(i), inputs[i].layout());
  }
  ASSERT_EQ(selected.kernel->output_layouts.at(0), output.layout());
  std::vector<void*> pointers;
  for (Tensor& input : inputs) {
    pointers.push_back(input.data());
  }
  void* out = output.data();
  selected.kernel->run({pointers.data(), &out, nullptr});
}

Tensor counting(DType dtype, const Shape& shape) {
  std::vector<double> numbers(static_cast<std::size_t>(shape.element_count()));
  std::iota(numbers.begin(), numbers.end(), 1.0);
  return Tensor::from<double>(dtype, shape, numbers);
}

// [2,5,3] with axis 1 in blocks of 4 innermost: 2 blocks, 3 padded lanes.
Layout blocked() {
  Layout layout;
  layout.plain = false;
  layout.rank = 3;
  layout.padded = {2, 8, 3};
  layout.strides = {24, 12, 4};
  layout.inner_count = 1;
  layout.inner_block = {4};
  layout.inner_axis = {1};
  return layout;
}

// Channels last: axis 1 innermost, no gaps.
Layout channels_last() {
  Layout layout;
  layout.plain = false;
  layout.rank = 3;
  layout.padded = {2, 5, 3};
  layout.strides = {15, 1, 5};
  return layout;
}

TEST(Reorder, GoesThroughBlockedLayoutsAndBackForEveryType) {
  for (const DType dtype :
       {DType::kFloat32, DType::kFloat64, DType::kBFloat16, DType::kInt8, DType::kInt64}) {
    const Tensor x = counting(dtype, {2, 5, 3});
    Tensor in_blocks(dtype, x.shape(), blocked());
    Tensor last(dtype, x.shape(), channels_last());
    Tensor back(dtype, x.shape());
    run("Reorder", {x}, in_blocks);
    run("Reorder", {in_blocks}, last);
    run("Reorder", {last}, back);
    EXPECT_TRUE(equal_bits(back, x)) << to_string(dtype);
  }
}

TEST(Reorder, PutsElementsWhereTheLayoutSaysAndZerosThePadding) {
  const Tensor x = counting(DType::kFloat32, {2, 5, 3});
  Tensor y(DType::kFloat32, x.shape(), blocked());
  for (float& element : y.span<float>()) {
    element = -7;
  }
  run("Reorder", {x}, y);
  // y[n][block][position][lane] = x[n][4 * block + lane][position]
  const auto storage = y.span<float>();
  ASSERT_EQ(storage.size(), 48U);
  for (std::size_t n = 0; n < 2; ++n) {
    for (std::size_t channel = 0; channel < 8; ++channel) {
      for (std::size_t position = 0; position < 3; ++position) {
        const float expected =
            channel < 5 ? static_cast<float>(1 + n * 15 + channel * 3 + position) : 0.0F;
        EXPECT_EQ(storage[n * 24 + channel / 4 * 12 + position * 4 + channel % 4], expected);
      }
    }
  }
}

TEST(Reorder, RefusesToConvertTypes) {
  const Tensor x(DType::kFloat32, {2}), y(DType::kFloat64, {2});
  const auto backend = make_reference_backend();
  EXPECT_THROW(select_kernel(*backend, make_query("Reorder", {x}, y)), Error);
}

TEST(CommitIf, WritesOnlyWhenTheStepIsOk) {
  const Tensor value = counting(DType::kFloat32, {3});
  const Tensor old = Tensor::from<float>(DType::kFloat32, {3}, std::vector<float>{7, 8, 9});
  Tensor variable = old.to_plain();
  run("CommitIf", {Tensor::scalar(DType::kBool, false), value}, variable);
  EXPECT_TRUE(equal_bits(variable, old));
  run("CommitIf", {Tensor::scalar(DType::kBool, true), value}, variable);
  EXPECT_TRUE(equal_bits(variable, value));
}

TEST(Copy, KeepsBytesOfAnyLayoutAndRefusesToChangeIt) {
  const Tensor x = counting(DType::kFloat32, {2, 5, 3});
  Tensor in_blocks(DType::kFloat32, x.shape(), blocked());
  run("Reorder", {x}, in_blocks);
  Tensor copy(DType::kFloat32, x.shape(), blocked());
  run("Copy", {in_blocks}, copy);
  EXPECT_TRUE(equal_bits(copy, x));
  const auto backend = make_reference_backend();
  EXPECT_THROW(select_kernel(*backend, make_query("Copy", {in_blocks}, x)), Error);
}

}  // namespace
}  // namespace temper::reference
