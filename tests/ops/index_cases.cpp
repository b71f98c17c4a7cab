// Op cases: ops that pick and place elements by index, along an axis or by tuples.
#include <algorithm>
#include <limits>
#include <numeric>
#include <string>

#include "tests/ops/shape_case.h"

namespace temper::op_suite {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

OpInput indices(const Shape& shape, std::vector<double> numbers, DType type = DType::kInt64) {
  return values(shape, std::move(numbers)).of(type);
}

// The element of `data` that the index at `i` names along the axis.
Index named(const HostTensor& data, const HostTensor& at_indices, Index i, int axis) {
  const auto row = static_cast<std::int64_t>(at(at_indices, i));
  i[static_cast<std::size_t>(axis)] = row < 0 ? row + data.shape[axis] : row;
  return i;
}

std::int64_t position(const Shape& shape, const Index& i) {
  std::int64_t at = 0;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    at = at * shape[axis] + i[static_cast<std::size_t>(axis)];
  }
  return at;
}

ClosedForm gathered_elements(int axis) {
  return [axis](const std::vector<HostTensor>& x) {
    return std::vector{
        generate(x[1].shape, [&](const Index& i) { return at(x[0], named(x[0], x[1], i, axis)); })};
  };
}

double fold(const std::string& reduction, double a, double b) {
  return reduction == "add"   ? a + b
         : reduction == "mul" ? a * b
         : reduction == "max" ? std::max(a, b)
         : reduction == "min" ? std::min(a, b)
                              : b;
}

ClosedForm scattered_elements(int axis, const std::string& reduction) {
  return [=](const std::vector<HostTensor>& x) {
    HostTensor y = x[0];
    for (std::int64_t k = 0; k < x[2].count(); ++k) {
      const Index i = named(x[0], x[1], coordinates(x[1].shape, k), axis);
      double& value = y[position(y.shape, i)];
      value = fold(reduction, value, x[2][k]);
    }
    return std::vector{y};
  };
}

const std::vector<double> kPicks = {1, 0, -1, 2, 0, 0, 2, -3};

void add_gather_elements(std::vector<OpCase>& cases) {
  const Attrs axis_1 = {{"axis", std::int64_t{-1}}};
  for (const DType type : {DType::kInt32, DType::kInt64}) {
    cases.push_back(shape_case("GatherElements", axis_1,
                               {small({3, 3}), indices({2, 4}, kPicks, type)},
                               gathered_elements(1)));
  }
  cases.push_back(differentiable(shape_case("GatherElements", {},
                                            {random({3, 2, 2}), indices({2, 2, 2}, kPicks)},
                                            gathered_elements(0))));
  cases.push_back(shape_case("GatherElements", {}, {small({3}), indices({0}, {})}, given({0}, {})));
  OpCase outside = shape_case("GatherElements", {}, {small({2}), indices({3}, {1, 2, -3})},
                              [](const std::vector<HostTensor>& x) {
                                return std::vector{HostTensor{{3}, {x[0][1], 0, 0}}};
                              });
  outside.dtypes = {DType::kInt8, DType::kInt64, DType::kBool};
  outside.label = "out_of_range";
  // Known indices are refused when compiling; these come with the data.
  cases.push_back(outside);
}

// Rows of a [3, 2] table by tuples [.., 1], elements by tuples [.., 2], and one per batch row.
void add_gather_nd(std::vector<OpCase>& cases) {
  const auto rows = pick({2, 2, 2}, [](const Index& i) {
    const std::int64_t row[2][2] = {{2, 0}, {1, 2}};
    return Index{row[i[0]][i[1]], i[2]};
  });
  const OpInput tuples = indices({2, 2, 1}, {2, 0, -2, -1});
  cases.push_back(shape_case("GatherND", {}, {small({3, 2}), tuples}, rows));
  cases.push_back(differentiable(shape_case("GatherND", {}, {random({3, 2}), tuples}, rows)));
  cases.push_back(differentiable(
      shape_case("GatherND", {}, {random({3, 2}), indices({3, 2}, {0, 1, -1, 0, 0, 1})},
                 [](const std::vector<HostTensor>& x) {
                   return std::vector{HostTensor{{3}, {x[0][1], x[0][4], x[0][1]}}};
                 })));
  cases.push_back(differentiable(shape_case(
      "GatherND", {{"batch_dims", kOne}}, {random({2, 3, 2}), indices({2, 2, 1}, {2, 0, 1, 1})},
      pick({2, 2, 2}, [](const Index& i) {
        return Index{i[0], i[0] == 1 ? 1 : i[1] == 0 ? 2 : 0, i[2]};
      }))));
  cases.push_back(
      shape_case("GatherND", {}, {small({3, 2}), indices({0, 1}, {})}, given({0, 2}, {})));
}

void add_scatter_elements(std::vector<OpCase>& cases) {
  for (const char* name : {"ScatterElements", "Scatter"}) {
    const Attrs axis_1 = {{"axis", kOne}};
    const std::vector<OpInput> more = {indices({2, 2}, {2, -3, 1, 0}), small({2, 2})};
    cases.push_back(
        shape_case(name, axis_1, {small({2, 3}), more[0], more[1]}, scattered_elements(1, "none")));
    cases.push_back(
        differentiable(shape_case(name, axis_1, {random({2, 3}), more[0], random({2, 2})},
                                  scattered_elements(1, "none")),
                       {0, 2}));
  }
  cases.push_back(shape_case("ScatterElements", {},
                             {small({2}), indices({0}, {}, DType::kInt32), small({0})},
                             same_elements({2})));
  for (const std::string reduction : {"add", "mul", "max", "min"}) {
    const Attrs attrs = {{"reduction", reduction}, {"axis", std::int64_t{0}}};
    // Elements of column 0 get several updates, others none.
    const OpInput picks = indices({4, 2}, {0, 1, 0, 2, -3, 1, 2, 0});
    OpCase integers =
        shape_case("ScatterElements", attrs, {random({3, 2}, 0, 4), picks, random({4, 2}, 0, 4)},
                   scattered_elements(0, reduction));
    integers.dtypes = {DType::kInt8,  DType::kInt16,  DType::kInt32,  DType::kInt64,
                       DType::kUInt8, DType::kUInt16, DType::kUInt32, DType::kUInt64};
    cases.push_back(integers);
    cases.push_back(differentiable(
        shape_case("ScatterElements", attrs, {distinct({3, 2}), picks, distinct({4, 2}, -1.8, 1.8)},
                   scattered_elements(0, reduction)),
        {0, 2}));
  }
}

// The data's rows 2 and 0, of 3; row 0 twice where updates are combined.
void add_scatter_nd(std::vector<OpCase>& cases) {
  const auto rows = [](const std::string& reduction, std::vector<std::int64_t> names) {
    return [=](const std::vector<HostTensor>& x) {
      HostTensor y = x[0];
      for (std::size_t k = 0; k < names.size(); ++k) {
        for (std::int64_t j = 0; j < 2; ++j) {
          double& value = y[names[k] * 2 + j];
          value = fold(reduction, value, x[2][static_cast<std::int64_t>(k) * 2 + j]);
        }
      }
      return std::vector{y};
    };
  };
  cases.push_back(shape_case("ScatterND", {},
                             {small({3, 2}), indices({2, 1}, {-1, 0}), small({2, 2})},
                             rows("none", {2, 0})));
  cases.push_back(differentiable(
      shape_case("ScatterND", {},
                 {random({3, 2}), indices({2, 1}, {2, 0}, DType::kInt32), random({2, 2})},
                 rows("none", {2, 0})),
      {0, 2}));
  cases.push_back(differentiable(
      shape_case("ScatterND", {}, {random({2, 2}), indices({2}, {1, -2}), random({})},
                 [](const std::vector<HostTensor>& x) {
                   return std::vector{HostTensor{{2, 2}, {x[0][0], x[0][1], x[2][0], x[0][3]}}};
                 }),
      {0, 2}));
  for (const std::string reduction : {"add", "mul", "max", "min"}) {
    cases.push_back(differentiable(
        shape_case("ScatterND", {{"reduction", reduction}},
                   {distinct({3, 2}), indices({3, 1}, {0, 2, 0}), distinct({3, 2}, -1.8, 1.8)},
                   rows(reduction, {0, 2, 0})),
        {0, 2}));
  }
}

void add_top_k(std::vector<OpCase>& cases) {
  const auto sorted = [](bool largest, std::int64_t k) {
    return [=](const std::vector<HostTensor>& x) {
      const std::int64_t rows = x[0].shape[0], columns = x[0].shape[1];
      HostTensor top{{rows, k}, {}}, where{{rows, k}, {}};
      for (std::int64_t r = 0; r < rows; ++r) {
        std::vector<std::int64_t> order(static_cast<std::size_t>(columns));
        std::iota(order.begin(), order.end(), 0);
        std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
          const double left = x[0][r * columns + a], right = x[0][r * columns + b];
          return largest ? left > right : left < right;
        });
        for (std::int64_t i = 0; i < k; ++i) {
          where.values.push_back(static_cast<double>(order[static_cast<std::size_t>(i)]));
          top.values.push_back(x[0][r * columns + order[static_cast<std::size_t>(i)]]);
        }
      }
      return std::vector{top, where};
    };
  };
  for (const std::int64_t largest : {0, 1}) {
    OpCase made = shape_case("TopK", {{"largest", largest}}, {random({3, 7}, 0, 5), ints({4})},
                             sorted(largest != 0, 4));
    made.outputs = 2;
    made.dtypes.pop_back();  // no bool
    cases.push_back(made);
    made.inputs[0] = distinct({3, 7});
    cases.push_back(differentiable(made));
    made.wanted = {true, false};
    made.expected = [=](const std::vector<HostTensor>& x) {
      return std::vector{sorted(largest != 0, 4)(x)[0]};
    };
    cases.push_back(differentiable(made));
  }
  OpCase axis_0 =
      shape_case("TopK", {{"axis", std::int64_t{-2}}}, {values({2, 2}, {1, 4, 3, 2}), ints({1})},
                 [](const std::vector<HostTensor>&) {
                   return std::vector{HostTensor{{1, 2}, {3, 4}}, HostTensor{{1, 2}, {1, 0}}};
                 });
  axis_0.outputs = 2;
  axis_0.dtypes.pop_back();
  cases.push_back(axis_0);
  OpCase none = shape_case("TopK", {}, {small({2, 3}), ints({0})}, given({2, 0}, {}));
  none.outputs = 2;
  none.dtypes.pop_back();
  cases.push_back(none);
  // NaN is the largest, as in PyTorch.
  OpCase nan = shape_case("TopK", {}, {values({4}, {1, kNan, kInf, -kInf}), ints({4})},
                          [](const std::vector<HostTensor>&) {
                            return std::vector{HostTensor{{4}, {kNan, kInf, 1, -kInf}},
                                               HostTensor{{4}, {1, 2, 0, 3}}};
                          });
  nan.outputs = 2;
  nan.dtypes = kFloats;
  nan.label = "nan";
  cases.push_back(nan);
}

void add_arg_min(std::vector<OpCase>& cases) {
  const auto add = [&](Attrs attrs, const Shape& shape, std::vector<double> x, const Shape& output,
                       std::vector<double> y) {
    cases.push_back(shape_case("ArgMin", std::move(attrs), {values(shape, std::move(x))},
                               given(output, std::move(y))));
    cases.back().dtypes.pop_back();
  };
  const std::vector<double> x = {3, 1, 1, 2, 5, 2};
  add({}, {2, 3}, x, {1, 3}, {1, 0, 0});
  add({{"axis", std::int64_t{-1}}, {"keepdims", std::int64_t{0}}}, {2, 3}, x, {2}, {1, 0});
  add({{"axis", kOne}, {"select_last_index", kOne}}, {2, 3}, x, {2, 1}, {2, 2});
  cases.push_back(shape_case("ArgMin", {}, {values({4}, {1, kNan, -kInf, kNan})}, given({1}, {1})));
  cases.back().dtypes = kFloats;
  cases.back().label = "nan";
}

}  // namespace

std::vector<OpCase> index_cases() {
  std::vector<OpCase> cases;
  for (const auto add : {add_gather_elements, add_gather_nd, add_scatter_elements, add_scatter_nd,
                         add_top_k, add_arg_min}) {
    add(cases);
  }
  return cases;
}

}  // namespace temper::op_suite
