// Cases of Softmax, LogSoftmax, Hardmax and the reductions.
#include "tests/ops/reduction_cases.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "runtime/base/concat.h"
#include "tests/ops/closed_form.h"
#include "tests/ops/families.h"

namespace temper::op_suite {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();
using Ints = std::vector<std::int64_t>;

// Softmax (or its logarithm) by the definition.
ClosedForm softmax(int axis, bool log) {
  return [=](const std::vector<HostTensor>& x) {
    const Shape& shape = x[0].shape;
    const int positive = axis < 0 ? axis + shape.rank() : axis;
    return std::vector{generate(shape, [&](std::vector<std::int64_t> i) {
      const double here = at(x[0], i);
      double sum = 0;
      for (std::int64_t k = 0; k < shape[positive]; ++k) {
        i[static_cast<std::size_t>(positive)] = k;
        sum += std::exp(at(x[0], i) - here);
      }
      return log ? -std::log(sum) : 1 / sum;
    })};
  };
}

void add_softmax(std::vector<OpCase>& cases) {
  for (const bool log : {false, true}) {
    const char* op = log ? "LogSoftmax" : "Softmax";
    const std::vector<std::pair<Shape, int>> shapes = {
        {{2, 3, 5}, 1}, {{2, 3, 5}, 2}, {{2, 3, 5}, 0}, {{4, 7}, -1},
        {{9}, 0},       {{3, 1}, 1},    {{0, 4}, 1},    {{4, 0}, 1}};
    for (const auto& [shape, axis] : shapes) {
      cases.push_back({.op = op,
                       .attrs = {{"axis", std::int64_t{axis}}},
                       .inputs = {random(shape)},
                       .differentiate = {0},
                       .expected = softmax(axis, log)});
    }
    cases.push_back({.op = op,
                     .inputs = {random({3, 6}, -5, 5)},
                     .differentiate = {0},
                     .expected = softmax(-1, log),
                     .label = "default_axis"});
    // exp(1000) overflows; the difference does not.
    cases.push_back({.op = op,
                     .inputs = {values({2, 2}, {1000, 1000, -1000, 0})},
                     .expected = log ? given({2, 2}, {-std::log(2.0), -std::log(2.0), -1000, 0})
                                     : given({2, 2}, {0.5, 0.5, 0, 1}),
                     .label = "large"});
    cases.push_back({.op = op,
                     .inputs = {values({1, 2}, {-kInf, 0})},
                     .expected = log ? given({1, 2}, {-kInf, 0}) : given({1, 2}, {0, 1}),
                     .label = "special"});
  }
}

// dx = y * (dy - sum(dy * y)), or dx = dy - exp(y) * sum(dy), along `axis`.
ClosedForm softmax_grad(int axis, bool log) {
  return [=](const std::vector<HostTensor>& x) {
    const Shape& shape = x[0].shape;
    return std::vector{generate(shape, [&](const std::vector<std::int64_t>& i) {
      double sum = 0;
      std::vector<std::int64_t> other = i;
      for (std::int64_t k = 0; k < shape[axis]; ++k) {
        other[static_cast<std::size_t>(axis)] = k;
        sum += at(x[0], other) * (log ? 1 : at(x[1], other));
      }
      const double dy = at(x[0], i);
      const double y = at(x[1], i);
      return log ? dy - std::exp(y) * sum : y * (dy - sum);
    })};
  };
}

void add_softmax_grad(std::vector<OpCase>& cases) {
  for (const bool log : {false, true}) {
    for (const std::int64_t axis : {0, 1, 2}) {
      const Shape shape{3, 4, 5};
      cases.push_back(
          {.op = log ? "LogSoftmaxGrad" : "SoftmaxGrad",
           .attrs = {{"axis", axis}},
           .inputs = {random(shape), log ? random(shape, -3, -0.1) : random(shape, 0, 1)},
           .expected = softmax_grad(static_cast<int>(axis), log)});
    }
  }
}

// 1 where no element before is as large and none behind is larger.
ClosedForm hardmax(int axis) {
  return [=](const std::vector<HostTensor>& x) {
    const Shape& shape = x[0].shape;
    const int positive = axis < 0 ? axis + shape.rank() : axis;
    return std::vector{generate(shape, [&](std::vector<std::int64_t> i) {
      const double here = at(x[0], i);
      const std::int64_t place = i[static_cast<std::size_t>(positive)];
      for (std::int64_t k = 0; k < shape[positive]; ++k) {
        i[static_cast<std::size_t>(positive)] = k;
        const double other = at(x[0], i);
        if (k < place ? other >= here : other > here) {
          return 0.0;
        }
      }
      return 1.0;
    })};
  };
}

void add_hardmax(std::vector<OpCase>& cases) {
  const std::vector<std::pair<Shape, int>> shapes = {{{2, 3, 5}, 1}, {{2, 3, 5}, 2}, {{2, 3, 5}, 0},
                                                     {{4, 7}, -1},   {{3, 1}, 1},    {{0, 4}, 1},
                                                     {{4, 0}, 1}};
  for (const auto& [shape, axis] : shapes) {
    cases.push_back({.op = "Hardmax",
                     .attrs = {{"axis", std::int64_t{axis}}},
                     .inputs = {distinct(shape)},
                     .differentiate = {0},
                     .expected = hardmax(axis)});
  }
  cases.push_back({.op = "Hardmax",
                   .inputs = {values({3, 3}, {1, 3, 3, 2, kNan, 5, -kInf, -kInf, -kInf})},
                   .expected = given({3, 3}, {0, 1, 0, 0, 1, 0, 1, 0, 0}),
                   .label = "ties"});
}

using Fold = std::function<double(const std::vector<double>&)>;

// Collects the elements behind each output and folds them.
ClosedForm reduced(Ints axes, bool keepdims, Fold fold) {
  return [=](const std::vector<HostTensor>& x) {
    const Shape& input = x[0].shape;
    const auto is_reduced = [&](int axis) {
      return std::any_of(axes.begin(), axes.end(),
                         [&](std::int64_t a) { return a == axis || a + input.rank() == axis; });
    };
    Shape kept;
    Shape output;
    for (int axis = 0; axis < input.rank(); ++axis) {
      kept.push_back(is_reduced(axis) ? 1 : input[axis]);
      if (!is_reduced(axis) || keepdims) {
        output.push_back(is_reduced(axis) ? 1 : input[axis]);
      }
    }
    std::map<std::vector<std::int64_t>, std::vector<double>> groups;
    for (std::int64_t i = 0; i < kept.element_count(); ++i) {
      groups[coordinates(kept, i)];
    }
    for (std::int64_t i = 0; i < x[0].count(); ++i) {
      std::vector<std::int64_t> index = coordinates(input, i);
      for (int axis = 0; axis < input.rank(); ++axis) {
        index[static_cast<std::size_t>(axis)] *= is_reduced(axis) ? 0 : 1;
      }
      groups[index].push_back(x[0][i]);
    }
    HostTensor y{output, {}};
    for (const auto& [index, elements] : groups) {
      y.values.push_back(fold(elements));
    }
    return std::vector{y};
  };
}

double sum_of(const std::vector<double>& x) {
  double sum = 0;
  for (const double v : x) {
    sum += v;
  }
  return sum;
}
double mean_of(const std::vector<double>& x) { return sum_of(x) / static_cast<double>(x.size()); }
double max_of(const std::vector<double>& x) {
  double best = -kInf;
  for (const double v : x) {
    best = std::isnan(v) || std::isnan(best) ? kNan : std::max(best, v);
  }
  return best;
}
double min_of(const std::vector<double>& x) {
  double best = kInf;
  for (const double v : x) {
    best = std::isnan(v) || std::isnan(best) ? kNan : std::min(best, v);
  }
  return best;
}

double l1_of(const std::vector<double>& x) {
  double sum = 0;
  for (const double v : x) {
    sum += std::abs(v);
  }
  return sum;
}
double square_of(const std::vector<double>& x) {
  double sum = 0;
  for (const double v : x) {
    sum += v * v;
  }
  return sum;
}
double l2_of(const std::vector<double>& x) { return std::sqrt(square_of(x)); }
double log_sum_of(const std::vector<double>& x) { return std::log(sum_of(x)); }
double log_sum_exp_of(const std::vector<double>& x) {
  double sum = 0;
  for (const double v : x) {
    sum += std::exp(v);
  }
  return std::log(sum);
}
double product_of(const std::vector<double>& x) {
  double product = 1;
  for (const double v : x) {
    product *= v;
  }
  return product;
}

void add_float_cases(std::vector<OpCase>& cases, const char* op, const Fold& fold,
                     double low = -2) {
  struct Row {
    Shape shape;
    Ints axes;
  };
  const std::vector<Row> rows = {{{2, 3, 5}, {1}},       {{2, 3, 5}, {0, 2}}, {{2, 3, 5}, {-1}},
                                 {{2, 3, 5}, {0, 1, 2}}, {{2, 1, 4}, {1}},    {{7}, {0}},
                                 {{2, 3, 4, 2}, {1, 2}}, {{3, 0, 2}, {0}}};
  for (const Row& row : rows) {
    for (const std::int64_t keep : {0, 1}) {
      cases.push_back({.op = op,
                       .attrs = {{"keepdims", keep}},
                       .inputs = {distinct(row.shape, low), ints(row.axes)},
                       .differentiate = {0},
                       .expected = reduced(row.axes, keep != 0, fold),
                       .label = concat("over", join(row.axes, "_"))});
    }
  }
  cases.push_back({.op = op,
                   .inputs = {distinct({3, 4}, low)},
                   .differentiate = {0},
                   .expected = reduced({0, 1}, true, fold),
                   .label = "all"});
  cases.push_back({.op = op,
                   .attrs = {{"keepdims", std::int64_t{0}}},
                   .inputs = {random({}, low)},
                   .differentiate = {0},
                   .expected = reduced({}, false, fold),
                   .label = "of_scalar"});
  cases.push_back({.op = op,
                   .attrs = {{"noop_with_empty_axes", std::int64_t{1}}},
                   .inputs = {distinct({3, 4}, low)},
                   .differentiate = {0},
                   .expected = reduced({}, true, fold),
                   .label = "noop"});
  cases.push_back({.op = op,
                   .inputs = {random({2, 0, 3}), ints({1})},
                   .expected = reduced({1}, true, fold),
                   .label = "nothing"});
}

void add_other_cases(std::vector<OpCase>& cases) {
  const std::vector<DType> integers = {DType::kInt8,   DType::kInt16, DType::kInt32,
                                       DType::kInt64,  DType::kUInt8, DType::kUInt16,
                                       DType::kUInt32, DType::kUInt64};
  const OpInput numbers = values({2, 3}, {1, 9, 4, 3, 8, 4});
  cases.push_back({.op = "ReduceSum",
                   .inputs = {numbers, ints({1})},
                   .expected = given({2, 1}, {14, 15}),
                   .dtypes = integers,
                   .label = "integers"});
  cases.push_back({.op = "ReduceMean",
                   .inputs = {numbers, ints({1})},
                   .expected = given({2, 1}, {4, 5}),
                   .dtypes = integers,
                   .label = "integers"});
  cases.push_back({.op = "ReduceMax",
                   .inputs = {numbers, ints({0})},
                   .expected = given({1, 3}, {3, 9, 4}),
                   .dtypes = integers,
                   .label = "integers"});
  cases.push_back({.op = "ReduceMin",
                   .inputs = {numbers, ints({0})},
                   .expected = given({1, 3}, {1, 8, 4}),
                   .dtypes = integers,
                   .label = "integers"});
  for (const bool is_max : {true, false}) {
    const char* op = is_max ? "ReduceMax" : "ReduceMin";
    cases.push_back({.op = op,
                     .inputs = {values({2, 2}, {0, 1, 1, 1}), ints({1})},
                     .expected = given({2, 1}, {is_max ? 1.0 : 0.0, 1}),
                     .dtypes = {DType::kBool},
                     .label = "bool"});
    cases.push_back({.op = op,
                     .inputs = {values({3, 2}, {kNan, 1, 1, kNan, kInf, -kInf}), ints({1})},
                     .expected = given({3, 1}, {kNan, kNan, is_max ? kInf : -kInf}),
                     .label = "special"});
  }
  const std::vector<std::pair<const char*, std::vector<double>>> of_integers = {
      {"ReduceL1", {14, 15}},   {"ReduceL2", {9, 9}},        {"ReduceSumSquare", {98, 89}},
      {"ReduceLogSum", {2, 2}}, {"ReduceLogSumExp", {9, 8}}, {"ReduceProd", {36, 96}}};
  for (const auto& [op, expected] : of_integers) {
    cases.push_back({.op = op,
                     .inputs = {numbers, ints({1})},
                     .expected = given({2, 1}, expected),
                     .dtypes = integers,
                     .label = "integers"});
  }
  // The gradient of a product, which zeros do not disturb; that of a length, 0 at 0.
  cases.push_back({.op = "ReduceProd",
                   .inputs = {values({3, 3}, {0, 2, 3, 0, 0, 5, 1, 2, 4}), ints({1})},
                   .differentiate = {0},
                   .expected = reduced({1}, true, product_of),
                   .label = "zeros"});
  cases.push_back({.op = "ReduceL2",
                   .inputs = {values({2, 2}, {0, 0, 3, 4}), ints({1})},
                   .expected = given({2, 1}, {0, 5}),
                   .label = "zeros"});
  // exp(1000) overflows; infinite elements decide alone.
  cases.push_back(
      {.op = "ReduceLogSumExp",
       .inputs = {values({4, 2}, {1000, 1000, -kInf, 3, -kInf, -kInf, kInf, 1}), ints({1})},
       .expected = given({4, 1}, {1000 + std::log(2.0), 3, -kInf, kInf}),
       .label = "special"});
  // 2^24 + 1 + 1 needs an accumulator wider than float.
  cases.push_back({.op = "ReduceSum",
                   .inputs = {values({3}, {16777216, 1, 1})},
                   .expected = given({1}, {16777218}),
                   .label = "wide_accumulator"});
}

}  // namespace

std::vector<OpCase> reduction_cases() {
  std::vector<OpCase> cases;
  add_softmax(cases);
  add_hardmax(cases);
  add_softmax_grad(cases);
  add_float_cases(cases, "ReduceSum", sum_of);
  add_float_cases(cases, "ReduceMean", mean_of);
  add_float_cases(cases, "ReduceMax", max_of);
  add_float_cases(cases, "ReduceMin", min_of);
  add_float_cases(cases, "ReduceL1", l1_of, -1.7);  // no 0, where it has a kink
  add_float_cases(cases, "ReduceL2", l2_of);
  add_float_cases(cases, "ReduceSumSquare", square_of);
  add_float_cases(cases, "ReduceLogSum", log_sum_of, 0.5);
  add_float_cases(cases, "ReduceLogSumExp", log_sum_exp_of);
  add_float_cases(cases, "ReduceProd", product_of);
  add_other_cases(cases);
  add_normalisation_cases(cases);
  add_cumulative_cases(cases);
  add_attention_cases(cases);
  add_fused_attention_cases(cases);
  add_product_cases(cases);
  return cases;
}

}  // namespace temper::op_suite
