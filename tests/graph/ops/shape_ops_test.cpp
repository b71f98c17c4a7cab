// Shape rules of the data-movement ops: what they refuse and say, and limits that op cases cannot
// write.
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>

#include "graph/ir/builder.h"
#include "graph/ops/standard_ops.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

constexpr std::int64_t kLowest = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kHighest = std::numeric_limits<std::int64_t>::max();
using Ints = std::vector<std::int64_t>;

class ShapeOps : public testing::Test {
 protected:
  ValueId input(const Shape& shape, DType dtype = DType::kFloat32) {
    return graph.add_input(concat("x", graph.value_count()), dtype, shape);
  }

  // A 1-D i64 constant.
  ValueId ints(const Ints& values) {
    const Shape shape{static_cast<std::int64_t>(values.size())};
    return graph.add_constant({}, Tensor::from<std::int64_t>(DType::kInt64, shape, values));
  }

  // The message of the error that making this node throws; "" when it throws none.
  std::string refusal(const char* op, std::vector<ValueId> inputs, Attrs attrs = {},
                      int outputs = 1, ErrorCode code = ErrorCode::kInvalidModel) {
    try {
      builder.ops(op, std::move(inputs), outputs, std::move(attrs));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      return error.message();
    }
    return "";
  }

  const Attrs& attrs_of(ValueId value) { return graph.node(graph.value(value).producer).attrs; }

  Graph graph{standard_ops()};
  Builder builder{graph};
};

// Codes of narrow types are no numbers to compute with.
TEST_F(ShapeOps, NarrowTypesAreMovedAndConvertedOnly) {
  const ValueId x = input({2, 3}, DType::kInt4);
  const auto refused = [&](const char* op, std::vector<ValueId> inputs, Attrs attrs = {}) {
    return refusal(op, std::move(inputs), std::move(attrs), 1, ErrorCode::kUnsupported);
  };
  EXPECT_EQ(refused("Add", {x, x}),
            "Add of tensors of type i4 is not supported; Cast and DequantizeLinear turn them into "
            "floats");
  EXPECT_NE(refused("EyeLike", {input({2, 2})}, {{"dtype", std::string("f8e5m2")}}), "");
  EXPECT_EQ(refused("Transpose", {x}), "");
  EXPECT_EQ(refused("Reshape", {x, ints({6})}), "");
  EXPECT_EQ(refused("Cast", {x}, {{"to", std::string("f8e5m2")}}), "");
  EXPECT_NE(refusal("QuantizeLinear", {input({2, 3}), input({})},
                    {{"output_dtype", std::string("f8e8m0")}}),
            "");
}

TEST_F(ShapeOps, ReshapeRefusesWhatDoesNotFit) {
  const ValueId x = input({2, 3});
  EXPECT_EQ(refusal("Reshape", {x, ints({4, -1})}),
            "Reshape of [2,3] to [4,-1]: 6 elements leave no whole number for -1");
  EXPECT_EQ(refusal("Reshape", {x, ints({7})}),
            "Reshape of [2,3] (6 elements) to [7] (7 elements)");
  EXPECT_EQ(refusal("Reshape", {x, ints({-1, -1})}),
            "Reshape to [-1,-1]: -1 stands more than once");
  EXPECT_EQ(refusal("Reshape", {x, ints({2, 3, 0})}),
            "Reshape of [2,3] to [2,3,0]: no dimension 2 to copy for the 0");
  EXPECT_EQ(refusal("Reshape", {x, ints({-2, 3})}), "Reshape to [-2,3]: -2 is no dimension");
  EXPECT_EQ(refusal("Reshape", {x}), "Reshape has no shape");
  EXPECT_NE(refusal("Reshape", {x, ints({kHighest, 2})}), "");
  EXPECT_NE(refusal("Reshape", {input({0, 3}), ints({0, -1})}, {{"allowzero", std::int64_t{1}}}),
            "");
  EXPECT_NE(refusal("Reshape", {x, input({2}, DType::kInt64)}, {}, 1, ErrorCode::kUnsupported), "");
}

TEST_F(ShapeOps, AxesOutOfRangeAreRefused) {
  const ValueId x = input({2, 3});
  EXPECT_EQ(refusal("Flatten", {x}, {{"axis", std::int64_t{3}}}),
            "axis 3 is out of range for rank 2");
  EXPECT_EQ(refusal("Squeeze", {x, ints({1})}), "Squeeze of axis 1 of [2,3], which is not 1");
  EXPECT_NE(refusal("Unsqueeze", {x, ints({1, -3})}), "");  // both are axis 1 of 4
  EXPECT_NE(refusal("Unsqueeze", {x, ints({4})}), "");
  EXPECT_NE(refusal("Transpose", {x}, {{"perm", Ints{0, 0}}}), "");
  EXPECT_NE(refusal("Transpose", {x}, {{"perm", Ints{0}}}), "");
  EXPECT_NE(refusal("Concat", {x, x}, {{"axis", std::int64_t{2}}}), "");
  EXPECT_NE(refusal("Gather", {x, ints({0})}, {{"axis", std::int64_t{-3}}}), "");
  EXPECT_NE(refusal("ArgMax", {x}, {{"axis", std::int64_t{2}}}), "");
}

TEST_F(ShapeOps, ConcatAndSplitRefuseWhatDoesNotFit) {
  const ValueId x = input({2, 3});
  EXPECT_EQ(refusal("Concat", {x, input({3, 3})}, {{"axis", std::int64_t{1}}}),
            "Concat along axis 1: input 0 has the shape [2,3], input 1 has [3,3]");
  EXPECT_NE(refusal("Concat", {x, input({2, 3}, DType::kFloat64)}, {{"axis", std::int64_t{1}}}),
            "");
  EXPECT_EQ(refusal("Split", {x, ints({1, 3})}, {{"axis", std::int64_t{1}}}, 2),
            "Split of [2,3] along axis 1 into [1,3], expected a sum of 3");
  EXPECT_NE(refusal("Split", {x, ints({1, 1})}, {{"axis", std::int64_t{1}}}, 2), "");
  EXPECT_NE(refusal("Split", {x, ints({-1, 4})}, {{"axis", std::int64_t{1}}}, 2), "");
  EXPECT_NE(refusal("Split", {x, ints({3})}, {{"axis", std::int64_t{1}}}, 2), "");
  EXPECT_NE(refusal("Split", {x}, {{"axis", std::int64_t{1}}}, 2), "");
  EXPECT_NE(refusal("Split", {x}, {{"axis", std::int64_t{1}}, {"num_outputs", std::int64_t{3}}}, 2),
            "");
}

TEST_F(ShapeOps, GatherRefusesConstantIndicesOutOfRange) {
  const ValueId x = input({2, 3});
  EXPECT_EQ(refusal("Gather", {x, ints({0, 2})}), "index 2 is out of range for an axis of size 2");
  EXPECT_NE(refusal("Gather", {x, ints({-3})}), "");
  EXPECT_EQ(refusal("Gather", {x, ints({-2, 1})}), "");
  EXPECT_NE(refusal("Gather", {x, input({1})}), "");
  EXPECT_NE(refusal("Gather", {input({}), ints({0})}), "");
}

TEST_F(ShapeOps, PadRefusesOverflowAndCropsOfMoreThanThereIs) {
  const ValueId x = input({3});
  EXPECT_EQ(refusal("Pad", {x, ints({-2, -2})}), "Pad of axis 0 crops 2 and 2 of 3 elements");
  EXPECT_NE(refusal("Pad", {x, ints({kLowest, kHighest})}), "");
  EXPECT_NE(refusal("Pad", {x, ints({kHighest, kHighest})}), "");
  EXPECT_NE(refusal("Pad", {x, ints({1})}), "");
  EXPECT_NE(refusal("Pad", {x, ints({1, 1})}, {{"mode", std::string("mirror")}}), "");
  EXPECT_EQ(refusal("Pad", {input({0}), ints({1, 0})}, {{"mode", std::string("edge")}}),
            "Pad with mode edge of axis 0, which has no elements to repeat");
}

TEST_F(ShapeOps, TheRestRefusesToo) {
  const ValueId x = input({2, 3});
  EXPECT_NE(refusal("Slice", {x, ints({0}), ints({1, 1})}), "");
  EXPECT_NE(refusal("Slice", {x, ints({0}), ints({1}), ints({0}), ints({0})}), "");
  EXPECT_NE(refusal("Expand", {x, ints({4, 3})}), "");
  EXPECT_NE(refusal("Expand", {x, ints({-1, 3})}), "");
  EXPECT_NE(refusal("Tile", {x, ints({2})}), "");
  EXPECT_NE(refusal("Tile", {x, ints({kHighest, 2})}), "");
  EXPECT_NE(refusal("Tile", {x, ints({-1, 2})}), "");
  EXPECT_NE(refusal("Cast", {x}, {{"to", std::string("f8")}}), "");
  EXPECT_NE(refusal("Cast", {x}), "");
  EXPECT_NE(refusal("ConstantOfShape", {ints({-1})}), "");
  EXPECT_NE(refusal("ConstantOfShape", {ints({kHighest, kHighest})}), "");
  EXPECT_NE(refusal("Range", {builder.scalar(DType::kInt64, 0), builder.scalar(DType::kInt64, 1),
                              builder.scalar(DType::kInt64, 0)}),
            "");
  EXPECT_NE(
      refusal("Range", {builder.scalar(DType::kFloat32, 0), builder.scalar(DType::kFloat32, 1),
                        builder.scalar(DType::kFloat32, 0)}),
      "");
  EXPECT_NE(refusal("ArgMax", {input({0, 3})}), "");
  EXPECT_NE(
      refusal("OneHot", {input({2}, DType::kInt64), builder.scalar(DType::kInt64, -1), input({2})}),
      "");
  EXPECT_NE(
      refusal("OneHot", {input({2}, DType::kInt64), builder.scalar(DType::kInt64, 2), input({3})}),
      "");
}

TEST_F(ShapeOps, SliceClampsTheLargestAndSmallestIntegers) {
  const ValueId x = input({7});
  const auto slice = [&](std::int64_t start, std::int64_t end, std::int64_t step) {
    return builder.op("Slice", {x, ints({start}), ints({end}), ints({0}), ints({step})});
  };
  EXPECT_EQ(builder.shape(slice(kLowest, kHighest, 1)), Shape{7});
  EXPECT_EQ(builder.shape(slice(kHighest, kLowest, -1)), Shape{7});
  EXPECT_EQ(builder.shape(slice(kHighest, kLowest, 1)), Shape{0});
  EXPECT_EQ(builder.shape(slice(kLowest, kHighest, -1)), Shape{0});
  EXPECT_EQ(builder.shape(slice(kLowest, kHighest, kHighest)), Shape{1});
  const ValueId last = slice(kHighest, kLowest, kLowest);
  EXPECT_EQ(builder.shape(last), Shape{1});
  EXPECT_EQ(attrs_of(last).get_ints("starts"), Ints{6});
  EXPECT_EQ(attrs_of(last).get_ints("ends"), Ints{7});
}

TEST_F(ShapeOps, ShapesOfDataNeedNoData) {
  const ValueId x = input({2, 3});
  const ValueId shape = builder.op("Shape", {x});
  EXPECT_EQ(attrs_of(shape).get_ints("value"), (Ints{2, 3}));
  EXPECT_FALSE(graph.node(graph.value(shape).producer).inputs[0].valid());
  EXPECT_EQ(attrs_of(builder.op("Size", {x})).get_ints("value"), Ints{6});
  const ValueId cast = builder.op("CastLike", {input({4}, DType::kInt32), x});
  EXPECT_EQ(builder.dtype(cast), DType::kFloat32);
  EXPECT_FALSE(graph.node(graph.value(cast).producer).inputs[1].valid());
}

}  // namespace
}  // namespace temper::graph
