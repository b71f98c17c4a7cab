// Building blocks of the cases of data-movement ops: element types, and outputs that are picked
// input elements.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/ops/closed_form.h"
#include "tests/ops/op_case.h"

namespace temper::op_suite {

using Ints = std::vector<std::int64_t>;
using Index = std::vector<std::int64_t>;

inline constexpr std::int64_t kOne = 1;

inline const std::vector<DType> kAll = {
    DType::kFloat32, DType::kFloat64, DType::kFloat16, DType::kBFloat16, DType::kInt8,
    DType::kInt16,   DType::kInt32,   DType::kInt64,   DType::kUInt8,    DType::kUInt16,
    DType::kUInt32,  DType::kUInt64,  DType::kBool};
inline const std::vector<DType> kFloats = {DType::kFloat32, DType::kFloat64, DType::kFloat16,
                                           DType::kBFloat16};

// Values every element type holds.
inline OpInput small(const Shape& shape) { return random(shape, 0, 100); }

// y[i] = x[from(i)]
template <class F>
ClosedForm pick(const Shape& output, F from) {
  return [=](const std::vector<HostTensor>& x) {
    return std::vector{generate(output, [&](const Index& i) { return at(x[0], from(i)); })};
  };
}

inline ClosedForm same_elements(const Shape& output) {
  return [=](const std::vector<HostTensor>& x) {
    return std::vector{HostTensor{output, x[0].values}};
  };
}

inline OpCase shape_case(std::string op, Attrs attrs, std::vector<OpInput> inputs,
                         ClosedForm expected) {
  OpCase made;
  made.op = std::move(op);
  made.attrs = std::move(attrs);
  made.inputs = std::move(inputs);
  made.expected = std::move(expected);
  made.dtypes = kAll;
  return made;
}

// The same with the gradient of its inputs; float and double are what sums and products run in.
inline OpCase differentiable(OpCase made, std::vector<int> inputs = {0}) {
  made.dtypes = {DType::kFloat32, DType::kFloat64};
  made.differentiate = std::move(inputs);
  made.label = "gradient";
  return made;
}

// shape_cases() has these at its end.
std::vector<OpCase> cast_cases();         // casts, constants, indices, the plan's own ops
std::vector<OpCase> index_cases();        // elements picked and placed by index
std::vector<OpCase> arrangement_cases();  // parts and other orders, by a rule
std::vector<OpCase>
onnx_shape_cases();  // outputs of onnx's reference evaluator: tools/oracle/shape_ops.py

}  // namespace temper::op_suite
