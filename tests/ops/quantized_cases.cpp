// Cases of quantisation and of products of 8-bit integers. Scales are powers of two where a type of
// 16 bits is tried too, so that x / scale is exact in each.
#include <algorithm>
#include <cmath>

#include "runtime/base/concat.h"
#include "tests/ops/closed_form.h"
#include "tests/ops/families.h"

namespace temper::op_suite {
namespace {

constexpr DType kI8 = DType::kInt8, kU8 = DType::kUInt8, kI16 = DType::kInt16,
                kU16 = DType::kUInt16, kI32 = DType::kInt32, kI4 = DType::kInt4,
                kU4 = DType::kUInt4;

std::pair<double, double> limits(DType type) {
  return type == kI8    ? std::pair{-128.0, 127.0}
         : type == kU8  ? std::pair{0.0, 255.0}
         : type == kI16 ? std::pair{-32768.0, 32767.0}
         : type == kI4  ? std::pair{-8.0, 7.0}
         : type == kU4  ? std::pair{0.0, 15.0}
                        : std::pair{0.0, 65535.0};
}

double quantized(double x, double scale, double zero, DType type) {
  const auto [low, high] = limits(type);
  return std::min(high, std::max(low, std::nearbyint(x / scale) + zero));
}

// One scale, one for each entry of axis 1, or one for each block of two along axis 1, for x [2, 5].
struct Form {
  const char* label;
  Attrs attrs;
  Shape shape;
  std::vector<double> scales;

  std::size_t place(std::int64_t i) const {
    const std::int64_t row = i / 5, column = i % 5;
    return static_cast<std::size_t>(shape.rank() == 2                        ? row * 3 + column / 2
                                    : shape.rank() == 1 && scales.size() > 1 ? column
                                                                             : 0);
  }
};

std::vector<Form> forms() {
  return {{"tensor", {}, {}, {0.25}},
          {"one_number", {}, {1}, {0.5}},
          {"axis", {{"axis", std::int64_t{-1}}}, {5}, {0.25, 0.5, 1, 0.125, 2}},
          {"blocks",
           {{"axis", std::int64_t{1}}, {"block_size", std::int64_t{2}}},
           {2, 3},
           {0.25, 0.5, 1, 0.125, 2, 0.25}}};
}

std::vector<double> zeros_of(const Form& form, DType type) {
  std::vector<double> zeros;
  for (std::size_t i = 0; i < form.scales.size(); ++i) {
    zeros.push_back(type == kI8 || type == kI16 || type == kI4 ? static_cast<double>(i) - 2
                                                               : static_cast<double>(i) + 5);
  }
  return zeros;
}

// y[i] = f(x[i], scale, zero point), the inputs from `first` on.
template <class F>
ClosedForm each(const Form& form, std::vector<double> zeros, std::size_t first, F f) {
  return [=](const std::vector<HostTensor>& in) {
    HostTensor y{in[first].shape, {}};
    for (std::int64_t i = 0; i < y.shape.element_count(); ++i) {
      const std::size_t at = form.place(i);
      y.values.push_back(f(in[first][i], form.scales[at], zeros[at]));
    }
    return std::vector{y};
  };
}

void add_linear(std::vector<OpCase>& cases, const Form& form, DType type) {
  const std::vector<double> zeros = zeros_of(form, type);
  const OpInput scale = values(form.shape, form.scales);
  const OpInput zero = values(form.shape, zeros).of(type);
  const std::string label = concat(form.label, "_", type);
  cases.push_back(
      {.op = "QuantizeLinear",
       .attrs = form.attrs,
       .inputs = {random({2, 5}, -40, 40), scale, zero},
       .expected = each(form, zeros, 0,
                        [type](double x, double s, double z) { return quantized(x, s, z, type); }),
       .label = label});
  const auto [low, high] = limits(type);
  OpCase back{
      .op = "DequantizeLinear",
      .attrs = form.attrs,
      .inputs = {random({2, 5}, std::max(low, -200.0), std::min(high, 200.0)).of(type), scale,
                 zero},
      .differentiate = {1},
      .expected = each(form, zeros, 0, [](double x, double s, double z) { return (x - z) * s; }),
      .label = label};
  cases.push_back(back);
  Attrs attrs = form.attrs;
  cases.push_back({.op = "QuantizeDequantize",
                   .attrs = attrs,
                   .inputs = {random({2, 5}, -40, 40), scale, zero},
                   .expected = each(form, zeros, 0,
                                    [type](double x, double s, double z) {
                                      return (quantized(x, s, z, type) - z) * s;
                                    }),
                   .label = label});
}

// The straight-through gradient and PyTorch's of a learnable scale (_fake_quantize_learnable_*).
void add_straight_through(std::vector<OpCase>& cases, const Form& form, DType type) {
  const std::vector<double> zeros = zeros_of(form, type);
  const auto [low, high] = limits(type);
  const auto expected = [=, low = low, high = high](const std::vector<HostTensor>& in) {
    HostTensor dx{in[1].shape, {}};
    HostTensor ds{form.shape, std::vector<double>(form.scales.size(), 0.0)};
    for (std::int64_t i = 0; i < dx.shape.element_count(); ++i) {
      const std::size_t at = form.place(i);
      const double v = in[1][i] / form.scales[at], level = std::nearbyint(v) + zeros[at];
      const bool inside = level >= low && level <= high;
      dx.values.push_back(inside ? in[0][i] : 0);
      ds.values[at] += in[0][i] * (inside  ? std::nearbyint(v) - v
                                   : v < 0 ? low - zeros[at]
                                           : high - zeros[at]);
    }
    return std::vector{dx, ds};
  };
  cases.push_back({.op = "QuantizeDequantizeGrad",
                   .attrs = form.attrs,
                   .inputs = {random({2, 5}), random({2, 5}, -90, 90),
                              values(form.shape, form.scales), values(form.shape, zeros).of(type)},
                   .outputs = 2,
                   .expected = expected,
                   .dtypes = {DType::kFloat64},
                   .label = concat(form.label, "_", type)});
  OpCase in_f32 = cases.back();
  in_f32.dtypes = {DType::kFloat32};
  in_f32.label += "_f32";
  cases.push_back(std::move(in_f32));
}

// 17 lies between 16 and 18, 460 above the largest number and nearest to it.
void add_float8(std::vector<OpCase>& cases) {
  const DType type = DType::kFloat8E4M3FN;
  const Attrs to{{"output_dtype", std::string("f8e4m3fn")}};
  const Attrs through{{"quantized", std::string("f8e4m3fn")}};
  const OpInput x = values({6}, {0.3, 17, 460, 1000, -1000, -0.3});
  const OpInput one = values({}, {1}), half = values({}, {0.5});
  cases.push_back({.op = "QuantizeLinear",
                   .attrs = to,
                   .inputs = {x, one},
                   .expected = given({6}, {0.3125, 16, 448, 448, -448, -0.3125}),
                   .label = "f8"});
  cases.push_back({.op = "DequantizeLinear",
                   .inputs = {values({3}, {0.3125, -448, 16}).of(type), half},
                   .differentiate = {1},
                   .expected = given({3}, {0.15625, -224, 8}),
                   .label = "f8"});
  cases.push_back({.op = "QuantizeDequantize",
                   .attrs = through,
                   .inputs = {values({3}, {0.15, 8.5, 1000}), half},
                   .expected = given({3}, {0.15625, 8, 224}),
                   .label = "f8"});
  // What moves codes.
  cases.push_back({.op = "Pad",
                   .inputs = {values({2}, {0.5, -448}).of(type), ints({1, 1}),
                              values({}, {1.5}).of(type).constant()},
                   .expected = given({4}, {1.5, 0.5, -448, 1.5}),
                   .label = "f8"});
  cases.push_back({.op = "Transpose",
                   .attrs = {{"perm", std::vector<std::int64_t>{1, 0}}},
                   .inputs = {values({2, 2}, {-8, 7, 1, -1}).of(kI4)},
                   .expected = given({2, 2}, {-8, 1, 7, -1}),
                   .label = "i4"});
  cases.push_back({.op = "ConstantOfShape",
                   .attrs = {{"dtype", std::string("f8e4m3fn")}, {"value", 0.3}},
                   .inputs = {ints({2})},
                   .expected = given({2}, {0.3125, 0.3125}),
                   .label = "f8"});
  cases.push_back({.op = "QuantizeDequantizeGrad",
                   .attrs = through,
                   .inputs = {values({4}, {1, 2, 3, 5}), values({4}, {0.3, 17, 1000, -1000}), one},
                   .outputs = 2,
                   // 1 * (0.3125 - 0.3) + 2 * (16 - 17) + 3 * 448 - 5 * 448
                   .expected =
                       [](const std::vector<HostTensor>&) {
                         return std::vector{HostTensor{{4}, {1, 2, 0, 0}},
                                            HostTensor{{}, {0.0125 - 2 - 896}}};
                       },
                   .dtypes = {DType::kFloat64},
                   .label = "f8"});
}

void add_edges(std::vector<OpCase>& cases) {
  const double nan = std::nan("");
  cases.push_back(
      {.op = "QuantizeLinear",
       .inputs = {values({8}, {0.5, 1.5, -0.5, 2.5, 1e30, -1e30, INFINITY, nan}), values({}, {1})},
       .expected = given({8}, {0, 2, 0, 2, 255, 0, 255, 0}),
       .dtypes = {DType::kFloat32, DType::kFloat64},
       .label = "ties_and_ends"});
  cases.back().dtypes = {DType::kFloat32};
  cases.push_back({.op = "QuantizeLinear",
                   .attrs = {{"output_dtype", std::string("i16")}},
                   .inputs = {values({3}, {100, -70000, 7}).of(kI32), values({}, {2})},
                   .expected = given({3}, {50, -32768, 4}),
                   .label = "integers"});
  cases.push_back({.op = "QuantizeLinear",
                   .inputs = {random({0, 3}), values({}, {2})},
                   .expected = given({0, 3}, {}),
                   .label = "empty"});
  cases.push_back({.op = "QuantizeLinear",
                   .inputs = {values({}, {3}), values({}, {2})},
                   .expected = given({}, {2}),
                   .label = "scalar"});
  cases.push_back({.op = "DequantizeLinear",
                   .inputs = {values({3}, {-7, 0, 100000}).of(kI32), values({}, {0.5})},
                   .differentiate = {1},
                   .expected = given({3}, {-3.5, 0, 50000}),
                   .label = "i32"});
}

void add_dynamic(std::vector<OpCase>& cases) {
  const auto dynamic = [&](std::vector<double> x, double scale, double zero,
                           std::vector<double> y) {
    const Shape shape{static_cast<std::int64_t>(x.size())};
    const std::vector<HostTensor> out{{shape, std::move(y)}, {{}, {scale}}, {{}, {zero}}};
    cases.push_back({.op = "DynamicQuantizeLinear",
                     .inputs = {values(shape, std::move(x))},
                     .outputs = 3,
                     .expected = [out](const std::vector<HostTensor>&) { return out; }});
  };
  dynamic({-64, 191, 0, 10.25}, 1, 64, {0, 255, 64, 74});
  dynamic({510, 2, 6}, 2, 0, {255, 1, 3});  // 0 is part of the range
  dynamic({-127.5, -1}, 0.5, 255, {0, 253});
  dynamic({0, 0}, 1, 0, {0, 0});
}

// sum_k (a - za) (b - zb), per batch entry of a; b [K, N]
std::vector<double> product(const std::vector<HostTensor>& in, std::size_t a, std::size_t b,
                            const std::vector<double>& za, const std::vector<double>& zb) {
  const std::int64_t inner = in[b].shape[0], columns = in[b].shape[1];
  const std::int64_t rows = in[a].count() / inner;
  std::vector<double> sums;
  for (std::int64_t i = 0; i < rows * columns; ++i) {
    const std::int64_t row = i / columns, column = i % columns;
    double sum = 0;
    for (std::int64_t k = 0; k < inner; ++k) {
      const auto ra = static_cast<std::size_t>(row) % za.size();
      const auto cb = static_cast<std::size_t>(column) % zb.size();
      sum += (in[a][row * inner + k] - za[ra]) * (in[b][k * columns + column] - zb[cb]);
    }
    sums.push_back(sum);
  }
  return sums;
}

void add_matrices(std::vector<OpCase>& cases) {
  const auto integer = [&](const Shape& a, const Shape& out, std::vector<double> za,
                           std::vector<double> zb, const char* label) {
    const auto shape_of = [](const std::vector<double>& z) {
      return z.size() == 1 ? Shape{} : Shape{static_cast<std::int64_t>(z.size())};
    };
    cases.push_back({.op = "MatMulInteger",
                     .inputs = {random(a, 0, 255).of(kU8), random({4, 3}, -128, 127).of(kI8),
                                values(shape_of(za), za).of(kU8), values(shape_of(zb), zb).of(kI8)},
                     .expected =
                         [=](const std::vector<HostTensor>& in) {
                           return std::vector{HostTensor{out, product(in, 0, 1, za, zb)}};
                         },
                     .dtypes = {DType::kFloat32},
                     .label = label});
  };
  integer({2, 4}, {2, 3}, {3}, {-2}, "numbers");
  integer({2, 4}, {2, 3}, {3, 200}, {-2, 0, 9}, "rows_and_columns");
  integer({5, 2, 4}, {5, 2, 3}, {3, 200}, {1}, "batch");
  integer({4}, {3}, {7}, {1}, "vector");
  integer({0, 4}, {0, 3}, {7}, {1}, "empty");
  cases.push_back(
      {.op = "QLinearMatMul",
       .inputs = {random({2, 4}, 0, 255).of(kU8), values({}, {0.5}), values({}, {100}).of(kU8),
                  random({4, 3}, -128, 127).of(kI8), values({3}, {0.25, 0.5, 1}),
                  values({3}, {0, 1, 2}).of(kI8), values({}, {64}), values({}, {-3}).of(kI8)},
       .expected = [](const std::vector<HostTensor>& in) {
         std::vector<double> y = product(in, 0, 3, {100}, {0, 1, 2});
         const double scales[] = {0.25, 0.5, 1};
         for (std::size_t i = 0; i < y.size(); ++i) {
           y[i] = quantized(y[i] * 0.5 * scales[i % 3], 64, -3, kI8);
         }
         return std::vector{HostTensor{{2, 3}, y}};
       }});
}

void add_convolutions(std::vector<OpCase>& cases) {
  const Attrs padded{{"pads", std::vector<std::int64_t>{1, 0}}};
  // y[0, m, o] = sum_k (x[o - 1 + k] - 3) (w[m, k] - zw[m])
  cases.push_back(
      {.op = "ConvInteger",
       .attrs = padded,
       .inputs = {values({1, 1, 3}, {4, 5, 6}).of(kU8), values({2, 1, 2}, {1, 2, -1, 3}).of(kI8),
                  values({}, {3}).of(kU8), values({2}, {0, 1}).of(kI8)},
       .expected = given({1, 2, 3}, {2, 5, 8, 2, 2, 2}),
       .dtypes = {DType::kFloat32}});
  cases.push_back({.op = "QLinearConv",
                   .attrs = padded,
                   .inputs = {values({1, 1, 3}, {4, 5, 6}).of(kU8), values({}, {0.5}),
                              values({}, {3}).of(kU8), values({2, 1, 2}, {1, 2, -1, 3}).of(kI8),
                              values({2}, {1, 2}), values({2}, {0, 1}).of(kI8), values({}, {0.25}),
                              values({}, {10}).of(kU8), values({2}, {1, -4}).of(kI32)},
                   // (sum + bias) 0.5 scale_m / 0.25 + 10
                   .expected = given({1, 2, 3}, {16, 22, 28, 2, 2, 2})});
}

// The scale is that of the range -1 to 2, of 255 steps or, around 0, of 127 on each side; of a
// weight that of its largest number.
void add_observed(std::vector<OpCase>& cases) {
  const Attrs whole{{"quantized", std::string("i8")}, {"least", -128.0}, {"most", 127.0}};
  Attrs around{{"quantized", std::string("i8")}, {"least", -127.0}, {"most", 127.0}};
  const auto add = [&](const Attrs& attrs, std::vector<OpInput> inputs, const Shape& shape,
                       std::vector<double> y, const char* label) {
    cases.push_back({.op = "ObservedRounding",
                     .attrs = attrs,
                     .inputs = std::move(inputs),
                     .expected = given(shape, std::move(y)),
                     .dtypes = {DType::kFloat32},
                     .label = label});
  };
  const OpInput x = values({1, 5}, {-2, -0.4, 0.31, 1.11, 5});
  const std::vector<OpInput> observed = {x, values({}, {-1}), values({}, {2})};
  const double step = 3.0 / 255, wide = 2.0 / 127;
  add(whole, observed, {1, 5}, {-1, -0.4, 26 * step, 94 * step, 2}, "value");
  const double own = 0.021;  // the zero point stays that of the range: -43
  add(whole, {x, values({}, {-1}), values({}, {2}), values({}, {own})}, {1, 5},
      {-85 * own, -19 * own, 15 * own, 53 * own, 170 * own}, "learnt");
  around.set("symmetric", std::int64_t{1});
  add(around, observed, {1, 5}, {-127 * wide, -25 * wide, 20 * wide, 70 * wide, 2}, "symmetric");
  around.set("axis", std::int64_t{1});
  const OpInput weight = values({3, 2}, {1.01, 0.1, -2, 0.202, 0.5, -0.4});
  const double first = 2.0 / 127, second = 0.4 / 127;
  add(around, {weight}, {3, 2}, {64 * first, 32 * second, -2, 64 * second, 32 * first, -0.4},
      "weight");
}

}  // namespace

std::vector<OpCase> quantized_cases() {
  std::vector<OpCase> cases;
  for (const Form& form : forms()) {
    for (const DType type : {kI8, kU8, kI16, kU16, kI4, kU4}) {
      add_linear(cases, form, type);
    }
    add_straight_through(cases, form, kI8);
    add_straight_through(cases, form, kU8);
    add_straight_through(cases, form, kI4);
  }
  add_float8(cases);
  add_edges(cases);
  add_dynamic(cases);
  add_observed(cases);
  add_matrices(cases);
  add_convolutions(cases);
  return cases;
}

}  // namespace temper::op_suite
