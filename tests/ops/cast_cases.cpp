// Op cases: Cast, CastLike, ConstantOfShape, Range, Shape, Size, OneHot, ArgMax, and the plan's
// AllFinite and CommitIf.
#include <cmath>
#include <limits>

#include "runtime/base/concat.h"
#include "tests/ops/shape_case.h"

namespace temper::op_suite {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

OpCase cast_case(DType from, DType to, std::vector<double> in, std::vector<double> out) {
  const auto count = static_cast<std::int64_t>(in.size());
  OpCase made =
      shape_case("Cast", {{"to", std::string(to_string(to))}},
                 {values({count}, std::move(in)).of(from)}, given({count}, std::move(out)));
  made.dtypes = {DType::kFloat32};
  made.label = to_string(from);
  return made;
}

void add_casts(std::vector<OpCase>& cases) {
  for (const DType to : kAll) {
    const auto expected =
        map1([to](double x) { return to == DType::kBool ? (x != 0 ? 1 : 0) : x; });
    OpCase all = shape_case("Cast", {{"to", std::string(to_string(to))}},
                            {values({5}, {0, 1, 2, 100, 1})}, expected);
    cases.push_back(all);
    all.op = "CastLike";
    all.attrs = {};
    all.inputs.push_back(values({0}, {}).of(to));
    all.label = to_string(to);
    cases.push_back(all);
  }
  using enum DType;
  const double nan = std::nan("");
  cases.push_back(cast_case(kFloat32, kInt8,
                            {1.9, -1.9, 127.5, 300, -300, kInfinity, -kInfinity, nan},
                            {1, -1, 127, 127, -128, 127, -128, 0}));
  cases.push_back(cast_case(kFloat64, kUInt8, {255.9, 256, -0.9, -1, nan}, {255, 255, 0, 0, 0}));
  cases.push_back(cast_case(kFloat32, kInt64, {1e30, -1e30, -0x1p63, 0x1p62, nan},
                            {0x1p63, -0x1p63, -0x1p63, 0x1p62, -0x1p63}));
  cases.push_back(cast_case(kFloat16, kInt32, {-2.75, 65504, kInfinity}, {-2, 65504, 2147483647}));
  // As on x86, so in NumPy and PyTorch: an index that comes of NaN is not row 0.
  cases.push_back(cast_case(kFloat64, kInt32, {nan, 2}, {-0x1p31, 2}));
  cases.push_back(cast_case(kInt16, kInt8, {200, -129, 127}, {-56, 127, 127}));
  cases.push_back(cast_case(kInt32, kUInt16, {-1, 65536}, {65535, 0}));
  cases.push_back(cast_case(kFloat32, kBool, {0, -0.0, 0.25, nan, -kInfinity}, {0, 0, 1, 1, 1}));
  // Ties to even: 2049 and 2051 lie between halves, 257 and 259 between bfloat16s.
  cases.push_back(cast_case(kFloat32, kFloat16, {2049, 2051, 1e6, 0x1p-25, 0x1.8p-24},
                            {2048, 2052, kInfinity, 0, 0x1p-23}));
  cases.push_back(cast_case(kFloat32, kBFloat16, {257, 259, -257}, {256, 260, -256}));
  cases.push_back(cast_case(kInt64, kInt4, {0x1p60, 7, 8, -9}, {0, 7, -8, 7}));
  cases.push_back(cast_case(kFloat32, kFloat4E2M1, {0.25, 2.5, 5, 1e9}, {0, 2, 4, 6}));
  cases.push_back(cast_case(kFloat8E5M2, kFloat32, {0.3125, -57344}, {0.3125, -57344}));
  cases.push_back(cast_case(kUInt2, kBool, {0, 3}, {0, 1}));
  OpCase narrowing =
      shape_case("Cast", {{"to", std::string("f64")}}, {random({3, 5})}, same_elements({3, 5}));
  cases.push_back(differentiable(narrowing));
  narrowing.op = "CastLike";
  narrowing.attrs = {};
  narrowing.inputs.push_back(random({1}).of(kFloat64));
  cases.push_back(differentiable(narrowing));
}

void add_generators(std::vector<OpCase>& cases) {
  for (const DType type : kAll) {
    OpCase filled = shape_case(
        "ConstantOfShape", {{"dtype", std::string(to_string(type))}, {"value", std::int64_t{1}}},
        {ints({3, 1})}, given({3, 1}, {1, 1, 1}));
    filled.dtypes = {DType::kFloat32};
    cases.push_back(filled);
  }
  OpCase zeros = shape_case("ConstantOfShape", {}, {ints({})}, given({}, {0}));
  zeros.dtypes = {DType::kFloat32};
  cases.push_back(zeros);
  zeros.inputs = {ints({0, 3})};
  zeros.expected = given({0, 3}, {});
  cases.push_back(zeros);
  cases.push_back(shape_case("Shape", {}, {small({})}, given({0}, {})));
  cases.push_back(shape_case("Size", {}, {small({3, 0})}, given({}, {0})));

  const auto range = [&](double start, double limit, double delta, std::vector<double> expected,
                         std::vector<DType> dtypes) {
    const auto count = static_cast<std::int64_t>(expected.size());
    OpCase made = shape_case(
        "Range", {}, {constant_scalar(start), constant_scalar(limit), constant_scalar(delta)},
        given({count}, std::move(expected)));
    made.dtypes = std::move(dtypes);
    made.label = concat("to_", limit, "_by_", delta);
    cases.push_back(made);
  };
  const std::vector<DType> numbers = {DType::kFloat32, DType::kFloat64, DType::kInt16,
                                      DType::kInt32, DType::kInt64};
  range(3, 9, 3, {3, 6}, numbers);
  range(10, 3, -2, {10, 8, 6, 4}, numbers);
  range(3, 3, 1, {}, numbers);
  range(3, 5, -1, {}, numbers);
  range(0.5, 2, 0.5, {0.5, 1, 1.5}, kFloats);

  OpCase hot =
      shape_case("OneHot", {},
                 {values({5}, {0, 2, -1, 3, -4}).of(DType::kInt32), ints({3}), values({2}, {0, 1})},
                 given({5, 3}, {1, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}));
  hot.inputs[1].shape = {1};
  hot.label = "out_of_range";
  cases.push_back(hot);
}

void add_arg_max(std::vector<OpCase>& cases) {
  const double nan = std::nan("");
  const auto arg_max = [&](Attrs attrs, OpInput input, const Shape& shape, std::vector<double> y) {
    cases.push_back(
        shape_case("ArgMax", std::move(attrs), {std::move(input)}, given(shape, std::move(y))));
  };
  arg_max({{"axis", kOne}}, values({2, 3}, {0, 1, 1, 1, 0, 0}), {2, 1}, {1, 0});
  arg_max({{"axis", kOne}, {"select_last_index", kOne}}, values({2, 3}, {0, 1, 1, 1, 0, 0}), {2, 1},
          {2, 0});
  arg_max({}, small({1, 3}), {1, 3}, {0, 0, 0});
  arg_max({{"keepdims", std::int64_t{0}}}, small({3, 0}), {0}, {});
  arg_max({}, values({4}, {1, nan, 3, nan}), {1}, {1});
  cases.back().dtypes = kFloats;
  arg_max({{"select_last_index", kOne}}, values({4}, {1, nan, 3, nan}), {1}, {3});
  cases.back().dtypes = kFloats;
  arg_max({}, values({3}, {-2, -1, -3}), {1}, {1});
  cases.back().dtypes = {DType::kFloat32, DType::kInt8, DType::kInt64};
}

void add_plan_ops(std::vector<OpCase>& cases) {
  const auto all_finite = [&](std::vector<double> numbers, double expected, const char* label) {
    const auto count = static_cast<std::int64_t>(numbers.size());
    OpCase made = shape_case("AllFinite", {}, {random({}), values({count}, std::move(numbers))},
                             given({}, {expected}));
    made.dtypes = kFloats;
    made.label = label;
    cases.push_back(made);
  };
  all_finite({1, -65504, 0}, 1, "finite");
  all_finite({1, 2, kInfinity}, 0, "infinite");
  all_finite({-kInfinity}, 0, "minus_infinite");
  all_finite({1, std::nan(""), 3}, 0, "nan");
  all_finite({}, 1, "empty");
  cases.push_back(shape_case("CommitIf", {}, {values({}, {1}).of(DType::kBool), small({3, 5})},
                             [](const std::vector<HostTensor>& x) { return std::vector{x[1]}; }));
}

}  // namespace

std::vector<OpCase> cast_cases() {
  std::vector<OpCase> cases;
  for (const auto add : {add_casts, add_generators, add_arg_max, add_plan_ops}) {
    add(cases);
  }
  return cases;
}

}  // namespace temper::op_suite
