// Cases of trigonometry, rounding, Mod, bits, IsNaN and IsInf: part of the elementwise family.
#include "tests/ops/number_cases.h"

#include <cmath>
#include <limits>

#include "runtime/base/concat.h"
#include "tests/ops/closed_form.h"

namespace temper::op_suite {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();
const std::vector<DType> kSigned = {DType::kInt8, DType::kInt16, DType::kInt32, DType::kInt64};
const std::vector<DType> kUnsigned = {DType::kUInt8, DType::kUInt16, DType::kUInt32,
                                      DType::kUInt64};
const std::vector<DType> kIntegers = {DType::kInt8,   DType::kInt16, DType::kInt32,
                                      DType::kInt64,  DType::kUInt8, DType::kUInt16,
                                      DType::kUInt32, DType::kUInt64};

using Cases = std::vector<OpCase>;

struct Unary {
  const char* op;
  double (*f)(double);
  double low, high;
  std::vector<double> kinks;
};

// Halves go to the even neighbour in the mode every process starts in.
double rounded(double x) { return std::nearbyint(x); }

void add_functions(Cases& cases) {
  const std::vector<Unary> rows = {
      {"Sin", [](double x) { return std::sin(x); }, -4, 4, {}},
      {"Cos", [](double x) { return std::cos(x); }, -4, 4, {}},
      {"Tan", [](double x) { return std::tan(x); }, -1.2, 1.2, {}},
      {"Asin", [](double x) { return std::asin(x); }, -0.9, 0.9, {}},
      {"Acos", [](double x) { return std::acos(x); }, -0.9, 0.9, {}},
      {"Atan", [](double x) { return std::atan(x); }, -3, 3, {}},
      {"Sinh", [](double x) { return std::sinh(x); }, -2, 2, {}},
      {"Cosh", [](double x) { return std::cosh(x); }, -2, 2, {}},
      {"Asinh", [](double x) { return std::asinh(x); }, -3, 3, {}},
      {"Acosh", [](double x) { return std::acosh(x); }, 1.2, 4, {}},
      {"Atanh", [](double x) { return std::atanh(x); }, -0.9, 0.9, {}},
      {"Floor", [](double x) { return std::floor(x); }, -1.9, 1.9, {-1, 0, 1}},
      {"Ceil", [](double x) { return std::ceil(x); }, -1.9, 1.9, {-1, 0, 1}},
      {"Round", rounded, -1.9, 1.9, {-1.5, -0.5, 0.5, 1.5}},
  };
  for (const Unary& row : rows) {
    for (const Shape& shape : {Shape{3, 5}, Shape{}, Shape{0, 2}, Shape{1, 1, 17}}) {
      cases.push_back({.op = row.op,
                       .inputs = {random(shape, row.low, row.high).away_from(row.kinks)},
                       .differentiate = {0},
                       .expected = map1(row.f)});
    }
    cases.push_back({.op = row.op,
                     .inputs = {values({4}, {kNan, kInf, -kInf, 0})},
                     .expected = map1(row.f),
                     .label = "special"});
  }
  cases.push_back({.op = "Round",
                   .inputs = {values({7}, {0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 2.75})},
                   .expected = given({7}, {0, 2, 2, 0, -2, -2, 3}),
                   .label = "halves"});
}

double floored_mod(double a, double b) {
  const double rest = std::fmod(a, b);
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}
double truncated_mod(double a, double b) { return std::fmod(a, b); }

void add_mod(Cases& cases) {
  for (const std::int64_t fmod : {0, 1}) {
    const auto f = fmod != 0 ? truncated_mod : floored_mod;
    const Attrs attrs = {{"fmod", fmod}};
    // Away from the jumps: a lies well inside (k, k + 1) b for each b.
    cases.push_back({.op = "Mod",
                     .attrs = attrs,
                     .inputs = {values({2, 3}, {5.3, -5.3, 4.2, -1.25, 0.6, 3.7}),
                                values({3}, {1.5, 2.2, -1.3})},
                     .differentiate = {0, 1},
                     .expected = map2(f)});
    cases.push_back({.op = "Mod",
                     .attrs = attrs,
                     .inputs = {values({2, 1}, {5.25, -3.5}), values({}, {1.5})},
                     .differentiate = {0, 1},
                     .expected = map2(f),
                     .label = "broadcast"});
    cases.push_back({.op = "Mod",
                     .attrs = attrs,
                     .inputs = {random({0, 3}), random({3})},
                     .differentiate = {0, 1},
                     .expected = map2(f),
                     .label = "empty"});
    cases.push_back({.op = "Mod",
                     .attrs = attrs,
                     .inputs = {values({7}, {kNan, 1, kInf, 3, 3, -3, 3}),
                                values({7}, {1, kNan, 2, 0, kInf, kInf, -kInf})},
                     .expected = fmod != 0 ? given({7}, {kNan, kNan, kNan, kNan, 3, -3, 3})
                                           : given({7}, {kNan, kNan, kNan, kNan, 3, kInf, -kInf}),
                     .label = "special"});
    cases.push_back({.op = "Mod",
                     .attrs = attrs,
                     .inputs = {values({8}, {-4, 7, 5, 4, -7, 8, -128, 5}),
                                values({8}, {2, -3, 8, -2, 3, 5, -1, 0})},
                     .expected = fmod != 0 ? given({8}, {0, 1, 5, 0, -1, 3, 0, 0})
                                           : given({8}, {0, -2, 5, 0, 2, 3, 0, 0}),
                     .dtypes = kSigned,
                     .label = "integers"});
    cases.push_back({.op = "Mod",
                     .attrs = attrs,
                     .inputs = {values({2, 2}, {7, 200, 8, 9}), values({2}, {4, 0})},
                     .expected = given({2, 2}, {3, 0, 0, 0}),
                     .dtypes = kUnsigned,
                     .label = "unsigned"});
  }
}

void add_shift(Cases& cases) {
  const auto shift = [&](const char* direction, std::vector<double> x, std::vector<double> by,
                         std::vector<double> y, std::vector<DType> dtypes, const char* label) {
    const Shape shape{static_cast<std::int64_t>(x.size())};
    cases.push_back({.op = "BitShift",
                     .attrs = {{"direction", std::string(direction)}},
                     .inputs = {values(shape, std::move(x)), values(shape, std::move(by))},
                     .expected = given(shape, std::move(y)),
                     .dtypes = std::move(dtypes),
                     .label = concat(direction, label)});
  };
  shift("LEFT", {16, 4, 1, 3}, {1, 2, 0, 64}, {32, 16, 1, 0}, kIntegers, "");
  shift("RIGHT", {16, 4, 1, 3}, {1, 3, 0, 64}, {8, 0, 1, 0}, kIntegers, "");
  shift("LEFT", {-3, 64, -128, 1}, {1, 1, 1, -1}, {-6, -128, 0, 0}, {DType::kInt8}, "_signed");
  shift("LEFT", {255, 129}, {1, 7}, {254, 128}, {DType::kUInt8}, "_cut");
  shift("RIGHT", {-8, -1, -7, -5, 9}, {1, 3, 64, -1, -1}, {-4, -1, -1, -1, 0}, kSigned, "_signed");
  cases.push_back({.op = "BitShift",
                   .attrs = {{"direction", std::string("LEFT")}},
                   .inputs = {values({2, 1}, {1, 2}), values({2}, {1, 3})},
                   .expected = given({2, 2}, {2, 8, 4, 16}),
                   .dtypes = kIntegers,
                   .label = "broadcast"});
}

void add_bits(Cases& cases) {
  add_shift(cases);
  const std::vector<std::pair<const char*, double (*)(double, double)>> rows = {
      {"BitwiseAnd", [](double a, double b) { return double(int(a) & int(b)); }},
      {"BitwiseOr", [](double a, double b) { return double(int(a) | int(b)); }},
      {"BitwiseXor", [](double a, double b) { return double(int(a) ^ int(b)); }}};
  for (const auto& [op, f] : rows) {
    cases.push_back({.op = op,
                     .inputs = {values({2, 3}, {0, 1, 12, 85, 127, 64}), values({3}, {3, 6, 10})},
                     .expected = map2(f),
                     .dtypes = kIntegers});
    cases.push_back({.op = op,
                     .inputs = {values({3}, {-1, -128, 5}), values({}, {-7})},
                     .expected = map2(f),
                     .dtypes = kSigned,
                     .label = "signed"});
    cases.push_back({.op = op,
                     .inputs = {random({0, 3}), random({3})},
                     .expected = map2(f),
                     .dtypes = {DType::kInt32},
                     .label = "empty"});
  }
  cases.push_back({.op = "BitwiseNot",
                   .inputs = {values({4}, {0, -1, 5, -128})},
                   .expected = given({4}, {-1, 0, -6, 127}),
                   .dtypes = kSigned});
  cases.push_back({.op = "BitwiseNot",
                   .inputs = {values({3}, {0, 255, 5})},
                   .expected = given({3}, {255, 0, 250}),
                   .dtypes = {DType::kUInt8},
                   .label = "unsigned"});
}

void add_bit_cast(Cases& cases) {
  const auto cast = [&](DType from, const char* to, std::vector<double> x, std::vector<double> y) {
    const Shape shape{static_cast<std::int64_t>(x.size())};
    cases.push_back({.op = "BitCast",
                     .attrs = {{"to", std::string(to)}},
                     .inputs = {values(shape, std::move(x))},
                     .expected = given(shape, std::move(y)),
                     .dtypes = {from},
                     .label = to});
  };
  cast(DType::kFloat32, "i32", {1, -2, 0}, {0x3F800000, -0x40000000, 0});
  cast(DType::kFloat64, "i64", {2}, {0x4000000000000000});
  cast(DType::kInt32, "f32", {0x3F800000, 0}, {1, 0});
  cast(DType::kInt8, "u8", {-1, 5}, {255, 5});
  cast(DType::kUInt16, "i16", {65535, 7}, {-1, 7});
  cast(DType::kBool, "u8", {1, 0}, {1, 0});
  cast(DType::kUInt8, "bool", {1, 0}, {1, 0});
  cast(DType::kUInt32, "f32", {}, {});
}

void add_float_tests(Cases& cases) {
  const std::vector<double> x = {kNan, kInf, -kInf, 0, 3};
  cases.push_back(
      {.op = "IsNaN", .inputs = {values({5}, x)}, .expected = given({5}, {1, 0, 0, 0, 0})});
  for (const std::int64_t negative : {0, 1}) {
    for (const std::int64_t positive : {0, 1}) {
      cases.push_back({.op = "IsInf",
                       .attrs = {{"detect_negative", negative}, {"detect_positive", positive}},
                       .inputs = {values({5}, x)},
                       .expected = given({5}, {0, double(positive), double(negative), 0, 0})});
    }
  }
  cases.push_back({.op = "IsInf",
                   .inputs = {values({1, 5}, x)},
                   .expected = given({1, 5}, {0, 1, 1, 0, 0}),
                   .label = "default"});
}

}  // namespace

void add_numbers(Cases& cases) {
  add_functions(cases);
  add_mod(cases);
  add_bits(cases);
  add_bit_cast(cases);
  add_float_tests(cases);
}

}  // namespace temper::op_suite
