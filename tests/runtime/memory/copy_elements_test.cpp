// Copies between layouts, element by element where Layout says they lie.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "runtime/base/concat.h"
#include "runtime/memory/plain_pieces.h"
#include "runtime/memory/tensor.h"

namespace temper {
namespace {

// Axis 0 and 1 in blocks of `a` and `b`, as oneDNN's OIhw4i2o and its like: the blocks of axis 1
// come first, then those of axis 0, all axes outside them in their order.
Layout blocked(const Shape& shape, std::int64_t a, std::int64_t b) {
  Layout layout;
  layout.plain = false;
  layout.rank = shape.rank();
  layout.inner_count = 2;
  layout.inner_block = {b, a};
  layout.inner_axis = {1, 0};
  std::int64_t stride = a * b;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    const auto i = static_cast<std::size_t>(axis);
    const std::int64_t block = axis == 0 ? a : axis == 1 ? b : 1;
    layout.padded[i] = (shape[axis] + block - 1) / block * block;
    layout.strides[i] = stride;
    stride *= layout.padded[i] / block;
  }
  return layout;
}

// Axes in another order without blocks, as channels last.
Layout channels_last(const Shape& shape) {
  Layout layout;
  layout.plain = false;
  layout.rank = 4;
  for (std::size_t i = 0; i < 4; ++i) {
    layout.padded[i] = shape[static_cast<int>(i)];
  }
  layout.strides = {shape[1] * shape[2] * shape[3], 1, shape[3] * shape[1], shape[1]};
  return layout;
}

template <class F>
void for_each(const Shape& shape, F&& f) {
  std::vector<std::int64_t> index(static_cast<std::size_t>(shape.rank()), 0);
  for (std::int64_t i = 0; i < shape.element_count(); ++i) {
    std::int64_t rest = i;
    for (int axis = shape.rank() - 1; axis >= 0; --axis) {
      index[static_cast<std::size_t>(axis)] = rest % shape[axis];
      rest /= shape[axis];
    }
    f(i, index.data());
  }
}

Tensor numbered(const Shape& shape, const Layout& layout) {
  Tensor tensor(DType::kFloat32, shape, layout);
  float* data = static_cast<float*>(tensor.data());
  for_each(shape, [&](std::int64_t i, const std::int64_t* index) {
    data[element_offset(shape, layout, index)] = static_cast<float>(i);
  });
  return tensor;
}

TEST(CopyElements, FindsEachElementInEveryPairOfLayouts) {
  // The last has more elements below its first axis than one table of offsets holds.
  for (const Shape& shape : {Shape{5, 3, 3, 2}, Shape{8, 4, 1, 1}, Shape{3, 40, 17, 9}}) {
    const std::vector<Layout> layouts = {
        {}, blocked(shape, 4, 2), blocked(shape, 1, 3), channels_last(shape)};
    for (const Layout& from : layouts) {
      for (const Layout& to : layouts) {
        const Tensor source = numbered(shape, from);
        Tensor target(DType::kFloat64, shape, to);
        copy_elements(source, target);
        Tensor same(DType::kFloat32, shape, to);
        copy_elements(source, same);
        std::int64_t wrong = 0;
        for_each(shape, [&](std::int64_t i, const std::int64_t* index) {
          const auto at = static_cast<std::size_t>(element_offset(shape, to, index));
          wrong += target.span<double>()[at] == static_cast<double>(i) ? 0 : 1;
          wrong += same.span<float>()[at] == static_cast<float>(i) ? 0 : 1;
        });
        EXPECT_EQ(wrong, 0) << concat(shape, " ", from, " to ", to);
      }
    }
  }
}

TEST(PlainPieces, FillATensorAsAPlainOneWould) {
  for (const Shape& shape : {Shape{5, 3, 3, 2}, Shape{3, 40, 17, 9}, Shape{64, 96, 9, 9}}) {
    for (const Layout& layout : {Layout{}, blocked(shape, 4, 2), channels_last(shape)}) {
      const Tensor given = numbered(shape, {});
      Tensor wanted(given.dtype(), shape, layout);
      copy_elements(given, wanted);
      Tensor filled(given.dtype(), shape, layout);
      std::memset(filled.data(), 1, static_cast<std::size_t>(filled.bytes()));
      std::size_t at = 0, largest = 0;
      fill_from_plain_pieces(filled, [&](std::span<std::byte> piece) {
        std::memcpy(piece.data(), static_cast<const std::byte*>(given.data()) + at, piece.size());
        at += piece.size();
        largest = std::max(largest, piece.size());
      });
      EXPECT_EQ(at, static_cast<std::size_t>(given.bytes()));
      EXPECT_LE(largest, std::size_t{1} << 20);
      EXPECT_EQ(std::memcmp(filled.data(), wanted.data(), static_cast<std::size_t>(wanted.bytes())),
                0)
          << to_string(layout);  // padding too
    }
  }
}

TEST(PlainPieces, AreTheBytesOfAPlainCopy) {
  for (const Shape& shape : {Shape{5, 3, 3, 2}, Shape{3, 40, 17, 9}, Shape{64, 96, 9, 9}}) {
    for (const Layout& layout : {Layout{}, blocked(shape, 4, 2), channels_last(shape)}) {
      const Tensor tensor = numbered(shape, layout);
      const Tensor plain = tensor.to_plain();
      std::vector<std::byte> joined;
      std::size_t largest = 0;
      for_each_plain_piece(tensor, [&](std::span<const std::byte> piece) {
        joined.insert(joined.end(), piece.begin(), piece.end());
        largest = std::max(largest, piece.size());
      });
      ASSERT_EQ(static_cast<std::int64_t>(joined.size()), plain_bytes(tensor));
      EXPECT_EQ(std::memcmp(joined.data(), plain.data(), joined.size()), 0) << to_string(layout);
      EXPECT_LT(largest, std::size_t{2} << 20);
    }
  }
}

TEST(CopyElements, LeavesThePaddingOfTheTarget) {
  const Shape shape{3, 3, 2, 2};
  for (const Layout& from : {Layout{}, blocked(shape, 2, 2)}) {
    Tensor target(DType::kFloat32, shape, blocked(shape, 2, 2));
    for (float& value : target.span<float>()) {
      value = -1;
    }
    copy_elements(numbered(shape, from), target);
    std::int64_t kept = 0;
    for (const float value : target.span<float>()) {
      kept += value == -1 ? 1 : 0;
    }
    EXPECT_EQ(kept, 4 * 4 * 4 - 3 * 3 * 4);
  }
}

TEST(CopyElements, TakesScalarsAndEmptyTensors) {
  Tensor scalar(DType::kFloat64, Shape{});
  copy_elements(Tensor::scalar<float>(DType::kFloat32, 2.5f), scalar);
  EXPECT_EQ(scalar.span<double>()[0], 2.5);
  const Shape empty{0, 3, 2, 2};
  Tensor target(DType::kFloat32, empty, channels_last(empty));
  EXPECT_NO_THROW(copy_elements(Tensor(DType::kFloat32, empty), target));
}

}  // namespace
}  // namespace temper
