// Made by tools/oracle/shape_ops.py with the evaluator of onnx 1.23.2.
// Do not edit.
#include <cstdint>
#include <limits>
#include <numeric>

#include "tests/ops/shape_case.h"

namespace temper::op_suite {
namespace {

constexpr std::int64_t kLowest = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kHighest = std::numeric_limits<std::int64_t>::max() - 1023;

// 1, 2, 3, ...
OpInput counting(const Shape& shape) {
  std::vector<double> numbers(static_cast<std::size_t>(shape.element_count()));
  std::iota(numbers.begin(), numbers.end(), 1.0);
  return values(shape, std::move(numbers));
}

OpCase make(std::string op, Attrs attrs, std::vector<OpInput> inputs,
            std::vector<HostTensor> outputs) {
  OpCase made;
  made.op = std::move(op);
  made.attrs = std::move(attrs);
  made.inputs = std::move(inputs);
  made.outputs = static_cast<int>(outputs.size());
  made.expected = [outputs = std::move(outputs)](const std::vector<HostTensor>&) {
    return outputs;
  };
  made.dtypes = {DType::kFloat32, DType::kInt32};
  made.label = "onnx";
  return made;
}

}  // namespace

// clang-format off
std::vector<OpCase> onnx_shape_cases() {
  std::vector<OpCase> cases;
  cases.push_back(make("Reshape", {}, {counting({2, 3, 4}), ints({0, -1})},
                       {HostTensor{Shape{2, 12}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24}}}));
  cases.push_back(make("Reshape", {}, {counting({2, 3, 4}), ints({4, 0, 2})},
                       {HostTensor{Shape{4, 3, 2}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24}}}));
  cases.push_back(make("Reshape", {}, {counting({1}), ints({})},
                       {HostTensor{Shape{}, {1}}}));
  cases.push_back(make("Reshape", {{"allowzero", std::int64_t{1}}}, {counting({0, 3}), ints({3, 0})},
                       {HostTensor{Shape{3, 0}, {}}}));
  cases.push_back(make("Flatten", {{"axis", std::int64_t{0}}}, {counting({2, 1, 3})},
                       {HostTensor{Shape{1, 6}, {1, 2, 3, 4, 5, 6}}}));
  cases.push_back(make("Flatten", {{"axis", std::int64_t{1}}}, {counting({2, 1, 3})},
                       {HostTensor{Shape{2, 3}, {1, 2, 3, 4, 5, 6}}}));
  cases.push_back(make("Flatten", {{"axis", std::int64_t{3}}}, {counting({2, 1, 3})},
                       {HostTensor{Shape{6, 1}, {1, 2, 3, 4, 5, 6}}}));
  cases.push_back(make("Flatten", {{"axis", std::int64_t{-1}}}, {counting({2, 1, 3})},
                       {HostTensor{Shape{2, 3}, {1, 2, 3, 4, 5, 6}}}));
  cases.push_back(make("Squeeze", {}, {counting({1, 3, 1})},
                       {HostTensor{Shape{3}, {1, 2, 3}}}));
  cases.push_back(make("Squeeze", {}, {counting({1, 3, 1}), ints({-1})},
                       {HostTensor{Shape{1, 3}, {1, 2, 3}}}));
  cases.push_back(make("Unsqueeze", {}, {counting({3, 2}), ints({-1, 0})},
                       {HostTensor{Shape{1, 3, 2, 1}, {1, 2, 3, 4, 5, 6}}}));
  cases.push_back(make("Unsqueeze", {}, {counting({3, 2}), ints({3, 1})},
                       {HostTensor{Shape{3, 1, 2, 1}, {1, 2, 3, 4, 5, 6}}}));
  cases.push_back(make("Transpose", {}, {counting({2, 3, 1})},
                       {HostTensor{Shape{1, 3, 2}, {1, 4, 2, 5, 3, 6}}}));
  cases.push_back(make("Transpose", {{"perm", std::vector<std::int64_t>{1, 2, 0}}}, {counting({2, 3, 2})},
                       {HostTensor{Shape{3, 2, 2}, {1, 7, 2, 8, 3, 9, 4, 10, 5, 11, 6, 12}}}));
  cases.push_back(make("Concat", {{"axis", std::int64_t{-1}}}, {counting({2, 1}), counting({2, 3}), counting({2, 0})},
                       {HostTensor{Shape{2, 4}, {1, 1, 2, 3, 2, 4, 5, 6}}}));
  cases.push_back(make("Concat", {{"axis", std::int64_t{0}}}, {counting({1, 2}), counting({3, 2})},
                       {HostTensor{Shape{4, 2}, {1, 2, 1, 2, 3, 4, 5, 6}}}));
  cases.push_back(make("Split", {{"num_outputs", std::int64_t{3}}, {"axis", std::int64_t{0}}}, {counting({7})},
                       {HostTensor{Shape{3}, {1, 2, 3}}, HostTensor{Shape{3}, {4, 5, 6}}, HostTensor{Shape{1}, {7}}}));
  cases.push_back(make("Split", {{"num_outputs", std::int64_t{2}}, {"axis", std::int64_t{-1}}}, {counting({2, 4})},
                       {HostTensor{Shape{2, 2}, {1, 2, 5, 6}}, HostTensor{Shape{2, 2}, {3, 4, 7, 8}}}));
  cases.push_back(make("Split", {{"axis", std::int64_t{1}}}, {counting({2, 5}), ints({1, 0, 4})},
                       {HostTensor{Shape{2, 1}, {1, 6}}, HostTensor{Shape{2, 0}, {}}, HostTensor{Shape{2, 4}, {2, 3, 4, 5, 7, 8, 9, 10}}}));
  cases.push_back(make("Slice", {}, {counting({5, 3}), ints({1}), ints({kHighest})},
                       {HostTensor{Shape{4, 3}, {4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}}}));
  cases.push_back(make("Slice", {}, {counting({5, 3}), ints({-1, 0}), ints({kLowest, 2}), ints({0, 1}), ints({-2, 1})},
                       {HostTensor{Shape{3, 2}, {13, 14, 7, 8, 1, 2}}}));
  cases.push_back(make("Slice", {}, {counting({7}), ints({kHighest}), ints({kLowest}), ints({-1}), ints({-3})},
                       {HostTensor{Shape{3}, {7, 4, 1}}}));
  cases.push_back(make("Slice", {}, {counting({7}), ints({-100}), ints({100}), ints({0}), ints({3})},
                       {HostTensor{Shape{3}, {1, 4, 7}}}));
  cases.push_back(make("Slice", {}, {counting({4}), ints({3}), ints({0}), ints({0}), ints({-1})},
                       {HostTensor{Shape{3}, {4, 3, 2}}}));
  cases.push_back(make("Slice", {}, {counting({4}), ints({3}), ints({1}), ints({0}), ints({1})},
                       {HostTensor{Shape{0}, {}}}));
  cases.push_back(make("Slice", {}, {counting({2, 4}), ints({1}), ints({-1}), ints({-1})},
                       {HostTensor{Shape{2, 2}, {2, 3, 6, 7}}}));
  cases.push_back(make("Gather", {{"axis", std::int64_t{0}}}, {counting({4, 2}), values({2, 2}, {3, -1, 0, -4}).of(DType::kInt64)},
                       {HostTensor{Shape{2, 2, 2}, {7, 8, 7, 8, 1, 2, 1, 2}}}));
  cases.push_back(make("Gather", {{"axis", std::int64_t{-1}}}, {counting({2, 3}), values({}, {-2}).of(DType::kInt64)},
                       {HostTensor{Shape{2}, {2, 5}}}));
  cases.push_back(make("Gather", {{"axis", std::int64_t{1}}}, {counting({2, 3, 2}), values({3}, {2, 2, 0}).of(DType::kInt32)},
                       {HostTensor{Shape{2, 3, 2}, {5, 6, 5, 6, 1, 2, 11, 12, 11, 12, 7, 8}}}));
  cases.push_back(make("Expand", {}, {counting({3, 1}), ints({2, 1, 4})},
                       {HostTensor{Shape{2, 3, 4}, {1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3}}}));
  cases.push_back(make("Expand", {}, {counting({2, 3}), ints({1})},
                       {HostTensor{Shape{2, 3}, {1, 2, 3, 4, 5, 6}}}));
  cases.push_back(make("Pad", {}, {counting({2, 3}), ints({0, 2, 1, 0}), constant_scalar(9)},
                       {HostTensor{Shape{3, 5}, {9, 9, 1, 2, 3, 9, 9, 4, 5, 6, 9, 9, 9, 9, 9}}}));
  cases.push_back(make("Pad", {}, {counting({2, 3}), ints({1, 0}), missing(), ints({-1})},
                       {HostTensor{Shape{2, 4}, {0, 1, 2, 3, 0, 4, 5, 6}}}));
  cases.push_back(make("Pad", {{"mode", std::string("reflect")}}, {counting({2, 4}), ints({1, 2, 0, 3})},
                       {HostTensor{Shape{3, 9}, {7, 6, 5, 6, 7, 8, 7, 6, 5, 3, 2, 1, 2, 3, 4, 3, 2, 1, 7, 6, 5, 6, 7, 8, 7, 6, 5}}}));
  cases.push_back(make("Pad", {{"mode", std::string("reflect")}}, {counting({3}), ints({5, 4})},
                       {HostTensor{Shape{12}, {2, 1, 2, 3, 2, 1, 2, 3, 2, 1, 2, 3}}}));
  cases.push_back(make("Pad", {{"mode", std::string("edge")}}, {counting({2, 3}), ints({1, 2, 2, 1})},
                       {HostTensor{Shape{5, 6}, {1, 1, 1, 2, 3, 3, 1, 1, 1, 2, 3, 3, 4, 4, 4, 5, 6, 6, 4, 4, 4, 5, 6, 6, 4, 4, 4, 5, 6, 6}}}));
  cases.push_back(make("Pad", {{"mode", std::string("wrap")}}, {counting({3, 2}), ints({2, 1, 1, 1})},
                       {HostTensor{Shape{6, 4}, {4, 3, 4, 3, 6, 5, 6, 5, 2, 1, 2, 1, 4, 3, 4, 3, 6, 5, 6, 5, 2, 1, 2, 1}}}));
  cases.push_back(make("Pad", {{"mode", std::string("wrap")}}, {counting({3}), ints({4, 5})},
                       {HostTensor{Shape{12}, {3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2}}}));
  cases.push_back(make("Tile", {}, {counting({2, 3}), ints({2, 2})},
                       {HostTensor{Shape{4, 6}, {1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6, 1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6}}}));
  cases.push_back(make("Tile", {}, {counting({2, 1}), ints({1, 0})},
                       {HostTensor{Shape{2, 0}, {}}}));
  cases.push_back(make("Shape", {}, {counting({2, 3, 4})},
                       {HostTensor{Shape{3}, {2, 3, 4}}}));
  cases.push_back(make("Shape", {{"start", std::int64_t{1}}, {"end", std::int64_t{-1}}}, {counting({2, 3, 4})},
                       {HostTensor{Shape{1}, {3}}}));
  cases.push_back(make("Shape", {{"start", std::int64_t{-2}}}, {counting({2, 3, 4})},
                       {HostTensor{Shape{2}, {3, 4}}}));
  cases.push_back(make("Shape", {{"start", std::int64_t{2}}, {"end", std::int64_t{1}}}, {counting({2, 3, 4})},
                       {HostTensor{Shape{0}, {}}}));
  cases.push_back(make("Size", {}, {counting({2, 3, 4})},
                       {HostTensor{Shape{}, {24}}}));
  cases.push_back(make("OneHot", {{"axis", std::int64_t{0}}}, {values({2, 2}, {0, 2, -1, 1}).of(DType::kInt64), constant_scalar(3), values({2}, {2, 5})},
                       {HostTensor{Shape{3, 2, 2}, {5, 2, 2, 2, 2, 2, 2, 5, 2, 5, 5, 2}}}));
  cases.push_back(make("OneHot", {{"axis", std::int64_t{1}}}, {values({2, 2}, {0, 2, -1, 1}).of(DType::kInt64), constant_scalar(3), values({2}, {2, 5})},
                       {HostTensor{Shape{2, 3, 2}, {5, 2, 2, 2, 2, 5, 2, 2, 2, 5, 5, 2}}}));
  cases.push_back(make("OneHot", {{"axis", std::int64_t{-1}}}, {values({2, 2}, {0, 2, -1, 1}).of(DType::kInt64), constant_scalar(3), values({2}, {2, 5})},
                       {HostTensor{Shape{2, 2, 3}, {5, 2, 2, 2, 2, 5, 2, 2, 5, 2, 5, 2}}}));
  cases.push_back(make("ArgMax", {{"axis", std::int64_t{1}}}, {values({2, 4}, {1, 4, 4, 0, 3, 3, 2, 3})},
                       {HostTensor{Shape{2, 1}, {1, 0}}}));
  cases.push_back(make("ArgMax", {{"axis", std::int64_t{-1}}, {"select_last_index", std::int64_t{1}}, {"keepdims", std::int64_t{0}}}, {values({2, 4}, {1, 4, 4, 0, 3, 3, 2, 3})},
                       {HostTensor{Shape{2}, {2, 3}}}));
  cases.push_back(make("ArgMax", {{"axis", std::int64_t{0}}, {"keepdims", std::int64_t{0}}}, {values({2, 4}, {1, 4, 4, 0, 3, 3, 2, 3})},
                       {HostTensor{Shape{4}, {1, 0, 0, 1}}}));
  return cases;
}
// clang-format on

}  // namespace temper::op_suite
