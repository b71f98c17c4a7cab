// Cases of arithmetic, comparisons, logic and activations.
#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/base/concat.h"
#include "tests/ops/activation_cases.h"
#include "tests/ops/closed_form.h"
#include "tests/ops/families.h"
#include "tests/ops/number_cases.h"

namespace temper::op_suite {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();
const std::vector<DType> kNumbers = {
    DType::kFloat32, DType::kFloat64, DType::kInt8,   DType::kInt16,  DType::kInt32,
    DType::kInt64,   DType::kUInt8,   DType::kUInt16, DType::kUInt32, DType::kUInt64};
const std::vector<DType> kIntegers = {DType::kInt8,   DType::kInt16, DType::kInt32,
                                      DType::kInt64,  DType::kUInt8, DType::kUInt16,
                                      DType::kUInt32, DType::kUInt64};
const std::vector<DType> kSigned = {DType::kInt8, DType::kInt16, DType::kInt32, DType::kInt64};

using Cases = std::vector<OpCase>;

// Shapes with 0, 1, odd sizes and broadcasting on either side.
const std::vector<std::pair<Shape, Shape>> kBroadcasts = {
    {{2, 3}, {2, 3}}, {{4, 3, 5}, {5}}, {{3, 1, 5}, {2, 1}},          {{}, {3, 2}},
    {{2, 3}, {}},     {{0, 3}, {1, 3}}, {{2, 1, 3, 1}, {1, 4, 1, 5}}, {{1}, {1}},
    {{7, 1}, {7, 9}}};

void add_binary(Cases& cases, const char* op, std::function<double(double, double)> f,
                bool avoids_zero = false) {
  for (const auto& [a, b] : kBroadcasts) {
    OpCase made{
        .op = op, .inputs = {random(a), random(b)}, .differentiate = {0, 1}, .expected = map2(f)};
    if (avoids_zero) {
      made.inputs[1] = random(b, 0.5, 2);
    }
    cases.push_back(made);
  }
}

double truncated(double a, double b) { return std::trunc(a / b); }

void add_arithmetic(Cases& cases) {
  add_binary(cases, "Add", [](double a, double b) { return a + b; });
  add_binary(cases, "Sub", [](double a, double b) { return a - b; });
  add_binary(cases, "Mul", [](double a, double b) { return a * b; });
  add_binary(cases, "Div", [](double a, double b) { return a / b; }, true);
  const auto integers = [&](const char* op, auto f) {
    cases.push_back({.op = op,
                     .inputs = {random({3, 4}, 6, 11), random({4}, 1, 6)},
                     .expected = map2(f),
                     .dtypes = kIntegers,
                     .label = "integers"});
  };
  integers("Add", [](double a, double b) { return a + b; });
  integers("Sub", [](double a, double b) { return a - b; });
  integers("Mul", [](double a, double b) { return a * b; });
  integers("Div", truncated);
  cases.push_back({.op = "Div",
                   .inputs = {values({4}, {-7, 7, -7, 6}), values({4}, {2, -2, -2, 3})},
                   .expected = given({4}, {-3, -3, 3, 2}),
                   .dtypes = kSigned,
                   .label = "truncates"});
  cases.push_back({.op = "Add",
                   .inputs = {values({2}, {100, -100}), values({2}, {100, -100})},
                   .expected = given({2}, {-56, 56}),
                   .dtypes = {DType::kInt8},
                   .label = "wraps"});
}

struct Unary {
  const char* op;
  double (*f)(double);
  double low, high;
  std::vector<double> kinks;
};

double sign_of(double x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }

void add_math(Cases& cases) {
  const std::vector<Unary> rows = {
      {"Neg", [](double x) { return -x; }, -2, 2, {}},
      {"Abs", [](double x) { return std::abs(x); }, -2, 2, {0}},
      {"Sign", sign_of, -2, 2, {0}},
      {"Sqrt", [](double x) { return std::sqrt(x); }, 0.1, 4, {}},
      {"Exp", [](double x) { return std::exp(x); }, -3, 3, {}},
      {"Log", [](double x) { return std::log(x); }, 0.1, 4, {}},
      {"Reciprocal", [](double x) { return 1 / x; }, 0.3, 3, {}},
      {"Erf", [](double x) { return std::erf(x); }, -3, 3, {}},
  };
  for (const Unary& row : rows) {
    for (const Shape& shape : {Shape{3, 5}, Shape{}, Shape{0, 2}, Shape{1, 1, 17}}) {
      cases.push_back({.op = row.op,
                       .inputs = {random(shape, row.low, row.high).away_from(row.kinks)},
                       .differentiate = {0},
                       .expected = map1(row.f)});
    }
  }
  for (const char* op : {"Neg", "Abs", "Sign"}) {
    const double sign = op[0] == 'N' ? -1 : 1;
    cases.push_back({.op = op,
                     .inputs = {values({4}, {-5, 0, 3, 127})},
                     .expected = op[0] == 'S' ? given({4}, {-1, 0, 1, 1})
                                              : given({4}, {5, 0, 3 * sign, 127 * sign}),
                     .dtypes = kSigned,
                     .label = "integers"});
  }
  cases.push_back({.op = "Sign",
                   .inputs = {values({4}, {kNan, 0, kInf, -kInf})},
                   .expected = given({4}, {kNan, 0, 1, -1}),
                   .label = "special"});
}

void add_pow(Cases& cases) {
  const auto pow = [](double a, double b) { return std::pow(a, b); };
  for (const auto& [a, b] : kBroadcasts) {
    cases.push_back({.op = "Pow",
                     .inputs = {random(a, 0.3, 2), random(b)},
                     .differentiate = {0, 1},
                     .expected = map2(pow)});
  }
  for (const double exponent : {0.0, 1.0, 2.0, 3.0, 0.5, -1.0}) {
    cases.push_back({.op = "Pow",
                     .inputs = {random({3, 4}, 0.3, 2), constant_scalar(exponent)},
                     .differentiate = {0},
                     .expected = map2(pow),
                     .label = concat("exponent", exponent)});
  }
  cases.push_back({.op = "Pow",
                   .inputs = {random({3, 4}), values({4}, {2, 3, 0, 1}).of(DType::kInt64)},
                   .differentiate = {0},
                   .expected = map2(pow),
                   .label = "integer_exponent"});
  cases.push_back({.op = "Pow",
                   .inputs = {values({6}, {2, 3, -2, 1, -1, 5}),
                              values({6}, {6, 0, 3, -2, -3, -1}).of(DType::kInt32)},
                   .expected = given({6}, {64, 1, -8, 1, -1, 0}),
                   .dtypes = kSigned,
                   .label = "integer_base"});
  cases.push_back(
      {.op = "Pow",
       .inputs = {values({3}, {4, 9, 2}), values({3}, {0.5, 0.5, 3}).of(DType::kFloat32)},
       .expected = given({3}, {2, 3, 8}),
       .dtypes = {DType::kInt32, DType::kInt64},
       .label = "integer_base_float_exponent"});
}

// NaN propagates; std::fmax would drop it.
double larger(double a, double b) { return std::isnan(a) || std::isnan(b) ? kNan : std::max(a, b); }
double smaller(double a, double b) {
  return std::isnan(a) || std::isnan(b) ? kNan : std::min(a, b);
}

ClosedForm folded(double (*f)(double, double), bool mean = false) {
  return [=](const std::vector<HostTensor>& x) {
    Shape shape;
    for (const HostTensor& input : x) {
      shape = graph::broadcast(shape, input.shape);
    }
    return std::vector{generate(shape, [&](const auto& i) {
      double value = at(x[0], i);
      for (std::size_t k = 1; k < x.size(); ++k) {
        value = f(value, at(x[k], i));
      }
      return mean ? value / static_cast<double>(x.size()) : value;
    })};
  };
}

double plus(double a, double b) { return a + b; }

void add_variadic(Cases& cases) {
  struct Row {
    const char* op;
    ClosedForm expected;
    bool takes_integers;
  };
  for (const Row& row : {Row{"Max", folded(larger), true}, Row{"Min", folded(smaller), true},
                         Row{"Sum", folded(plus), false}, Row{"Mean", folded(plus, true), false}}) {
    cases.push_back({.op = row.op,
                     .inputs = {random({2, 3})},
                     .differentiate = {0},
                     .expected = row.expected,
                     .label = "one"});
    cases.push_back({.op = row.op,
                     .inputs = {random({4, 1, 3}), random({2, 1})},
                     .differentiate = {0, 1},
                     .expected = row.expected});
    cases.push_back({.op = row.op,
                     .inputs = {random({3}), random({2, 3}), random({2, 1}), random({})},
                     .differentiate = {0, 1, 2, 3},
                     .expected = row.expected});
    cases.push_back({.op = row.op,
                     .inputs = {random({0, 3}), random({3})},
                     .differentiate = {0, 1},
                     .expected = row.expected,
                     .label = "empty"});
    if (row.takes_integers) {
      cases.push_back({.op = row.op,
                       .inputs = {random({3, 5}, 0, 9), random({5}, 0, 9)},
                       .expected = row.expected,
                       .dtypes = kNumbers,
                       .label = "integers"});
      cases.push_back(
          {.op = row.op,
           .inputs = {values({4}, {kNan, 1, kInf, -kInf}), values({4}, {1, kNan, 2, 2})},
           .expected = row.expected,
           .label = "special"});
    }
  }
  // Values of torch.maximum and torch.minimum's gradients at a tie: half and half.
  cases.push_back({.op = "MaxGrad",
                   .inputs = {values({4}, {6, 6, 6, 6}), values({4}, {1, 2, 3, kNan}),
                              values({4}, {2, 2, 2, 2})},
                   .expected = given({4}, {0, 3, 6, 6}),
                   .label = "ties"});
  cases.push_back({.op = "MinGrad",
                   .inputs = {values({4}, {6, 6, 6, 6}), values({4}, {1, 2, 3, kNan}),
                              values({4}, {2, 2, 2, 2})},
                   .expected = given({4}, {6, 3, 0, 6}),
                   .label = "ties"});
}

ClosedForm clipped(double low, double high) {
  return map1([=](double x) { return std::isnan(x) ? x : std::min(std::max(x, low), high); });
}

void add_clip(Cases& cases) {
  cases.push_back(
      {.op = "Clip",
       .inputs = {random({3, 5}).away_from({-1, 0.5}), constant_scalar(-1), constant_scalar(0.5)},
       .differentiate = {0},
       .expected = clipped(-1, 0.5)});
  cases.push_back({.op = "Clip",
                   .inputs = {random({3, 5}).away_from({0.5}), missing(), constant_scalar(0.5)},
                   .differentiate = {0},
                   .expected = clipped(-kInf, 0.5),
                   .label = "max_only"});
  cases.push_back({.op = "Clip",
                   .inputs = {random({7}).away_from({0}), constant_scalar(0)},
                   .differentiate = {0},
                   .expected = clipped(0, kInf),
                   .label = "min_only"});
  cases.push_back({.op = "Clip",
                   .inputs = {random({2, 0})},
                   .differentiate = {0},
                   .expected = clipped(-kInf, kInf),
                   .label = "empty"});
  cases.push_back(
      {.op = "Clip",
       .inputs = {random({3, 5}).away_from({-1, 0.5}), values({}, {-1}), values({}, {0.5})},
       .differentiate = {0},
       .expected = clipped(-1, 0.5),
       .label = "computed_bounds"});
  cases.push_back(
      {.op = "Clip",
       .inputs = {values({5}, {0, 3, 5, 7, 100}), constant_scalar(3), constant_scalar(7)},
       .expected = given({5}, {3, 3, 5, 7, 7}),
       .dtypes = kNumbers,
       .label = "integers"});
  cases.push_back(
      {.op = "Clip",
       .inputs = {values({4}, {kNan, kInf, -kInf, 0}), constant_scalar(1), constant_scalar(-1)},
       .expected = given({4}, {kNan, -1, -1, -1}),
       .label = "bounds_crossed"});
  // Nothing passes at the bounds themselves (graph/ir/graph.h), as torch.clamp.
  cases.push_back({.op = "ClipGrad",
                   .attrs = {{"min", -1.0}, {"max", 1.0}},
                   .inputs = {values({5}, {2, 2, 2, 2, 2}), values({5}, {-1, 1, 1.5, -1.5, 0})},
                   .expected = given({5}, {0, 0, 0, 0, 2}),
                   .label = "kinks"});
}

void add_where(Cases& cases) {
  const ClosedForm where = [](const std::vector<HostTensor>& x) {
    const Shape shape = graph::broadcast(graph::broadcast(x[0].shape, x[1].shape), x[2].shape);
    return std::vector{generate(
        shape, [&](const auto& i) { return at(x[0], i) != 0 ? at(x[1], i) : at(x[2], i); })};
  };
  cases.push_back({.op = "Where",
                   .inputs = {random({3, 4}).of(DType::kBool), random({3, 4}), random({3, 4})},
                   .differentiate = {1, 2},
                   .expected = where});
  cases.push_back({.op = "Where",
                   .inputs = {random({3, 1}).of(DType::kBool), random({4}), random({2, 1, 1})},
                   .differentiate = {1, 2},
                   .expected = where});
  std::vector<DType> any = kIntegers;
  any.insert(any.end(), {DType::kBool, DType::kFloat16, DType::kBFloat16});
  cases.push_back(
      {.op = "Where",
       .inputs = {random({5}).of(DType::kBool), values({5}, {1, 0, 1, 1, 0}), values({}, {0})},
       .expected = where,
       .dtypes = any,
       .label = "types"});
}

void add_comparisons(Cases& cases) {
  const std::vector<std::pair<const char*, double (*)(double, double)>> orders = {
      {"Equal", [](double a, double b) { return double(a == b); }},
      {"Less", [](double a, double b) { return double(a < b); }},
      {"LessOrEqual", [](double a, double b) { return double(a <= b); }},
      {"Greater", [](double a, double b) { return double(a > b); }},
      {"GreaterOrEqual", [](double a, double b) { return double(a >= b); }}};
  for (const auto& [op, f] : orders) {
    cases.push_back({.op = op,
                     .inputs = {values({2, 3}, {0, 1, 2, 3, 4, 5}), values({3}, {3, 1, 4})},
                     .expected = map2(f),
                     .dtypes = kNumbers});
    cases.push_back({.op = op,
                     .inputs = {values({5}, {kNan, 1, kNan, kInf, -kInf}),
                                values({5}, {1, kNan, kNan, kInf, 0})},
                     .expected = map2(f),
                     .label = "special"});
    cases.push_back(
        {.op = op, .inputs = {random({2, 0}), random({1})}, .expected = map2(f), .label = "empty"});
  }
  const std::vector<std::pair<const char*, double (*)(double, double)>> logic = {
      {"And", [](double a, double b) { return double(a != 0 && b != 0); }},
      {"Or", [](double a, double b) { return double(a != 0 || b != 0); }},
      {"Xor", [](double a, double b) { return double((a != 0) != (b != 0)); }},
      {"Equal", [](double a, double b) { return double(a == b); }}};
  for (const auto& [op, f] : logic) {
    cases.push_back({.op = op,
                     .inputs = {values({2, 2}, {0, 0, 1, 1}), values({2}, {0, 1})},
                     .expected = map2(f),
                     .dtypes = {DType::kBool},
                     .label = "bool"});
  }
  cases.push_back({.op = "Not",
                   .inputs = {values({3}, {0, 1, 0})},
                   .expected = given({3}, {1, 0, 1}),
                   .dtypes = {DType::kBool}});
}

}  // namespace

std::vector<OpCase> elementwise_cases() {
  Cases cases;
  add_arithmetic(cases);
  add_math(cases);
  add_pow(cases);
  add_variadic(cases);
  add_clip(cases);
  add_where(cases);
  add_comparisons(cases);
  add_activations(cases);
  add_numbers(cases);
  return cases;
}

}  // namespace temper::op_suite
