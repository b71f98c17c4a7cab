// Cases of the ops between two roundings to bytes. Scales are powers of two, so that each result is
// exact in float, ties too.
#include <algorithm>
#include <cmath>
#include <optional>

#include "runtime/base/concat.h"
#include "tests/ops/closed_form.h"
#include "tests/ops/families.h"

namespace temper::op_suite {
namespace {

constexpr DType kI8 = DType::kInt8, kU8 = DType::kUInt8;

using Ints = std::vector<std::int64_t>;

// What a sum becomes.
struct Result {
  DType type = DType::kFloat32;
  double scale = 1, zero = 0;
  std::optional<double> ceiling;  // of a Relu in front

  double operator()(double v) const {
    if (ceiling) {
      v = std::min(std::max(v, 0.0), *ceiling);
    }
    if (type == DType::kFloat32) {
      return v;
    }
    const double low = type == kI8 ? -128 : 0;
    return std::min(low + 255, std::max(low, std::nearbyint(v / scale) + zero));
  }
  Attrs attrs(Attrs others) const {
    if (ceiling) {
      others.set("relu", std::int64_t{1});
      if (std::isfinite(*ceiling)) {
        others.set("ceiling", *ceiling);
      }
    }
    return others;
  }
  void add_inputs(std::vector<OpInput>& inputs) const {
    if (type != DType::kFloat32) {
      inputs.push_back(values({}, {scale}));
      inputs.push_back(values({}, {zero}).of(type));
    }
  }
};

const std::vector<std::pair<const char*, Result>>& results() {
  static const std::vector<std::pair<const char*, Result>> kResults = {
      {"u8", {kU8, 256, 100, std::nullopt}},
      {"i8", {kI8, 128, -7, std::nullopt}},
      {"relu", {kU8, 64, 0, INFINITY}},
      {"relu6", {kU8, 64, 3, 8000.0}},
      {"floats", {DType::kFloat32, 1, 0, std::nullopt}},
      {"floats_relu", {DType::kFloat32, 1, 0, INFINITY}}};
  return kResults;
}

constexpr double kXScale = 0.5, kXZero = 131;

double scale_of(std::int64_t output) { return std::ldexp(1.0, -static_cast<int>(output % 3)); }
double bias_of(std::int64_t output) { return 0.25 * static_cast<double>(output % 11) - 1; }

// x, x_scale, x_zero, w, w_scale, bias for so many outputs.
std::vector<OpInput> product_inputs(const Shape& x, const Shape& w, std::int64_t outputs) {
  std::vector<double> scales, biases;
  for (std::int64_t i = 0; i < outputs; ++i) {
    scales.push_back(scale_of(i));
    biases.push_back(bias_of(i));
  }
  return {random(x, 0, 255).of(kU8),    values({}, {kXScale}),     values({}, {kXZero}).of(kU8),
          random(w, -128, 127).of(kI8), values({outputs}, scales), values({outputs}, biases)};
}

// Windows of two dimensions.
struct Conv {
  const char* label;
  Shape x, w;
  Ints strides, pads, dilations;
  std::int64_t group = 1;

  Attrs attrs() const {
    return {{"strides", strides}, {"pads", pads}, {"dilations", dilations}, {"group", group}};
  }
  Shape output() const {
    Shape y{x[0], w[0]};
    for (int i = 0; i < 2; ++i) {
      const auto a = static_cast<std::size_t>(i);
      const std::int64_t extent = (w[i + 2] - 1) * dilations[a] + 1;
      y.push_back((x[i + 2] + pads[a] + pads[a + 2] - extent) / strides[a] + 1);
    }
    return y;
  }
  // sum (x - zero) w over the window of one output
  double sum(const HostTensor& in, const HostTensor& weight, const Ints& at) const {
    const std::int64_t first = at[1] / (w[0] / group) * w[1];
    double total = 0;
    for (std::int64_t c = 0; c < w[1]; ++c) {
      for (std::int64_t i = 0; i < w[2]; ++i) {
        for (std::int64_t j = 0; j < w[3]; ++j) {
          const std::int64_t row = at[2] * strides[0] - pads[0] + i * dilations[0];
          const std::int64_t column = at[3] * strides[1] - pads[1] + j * dilations[1];
          if (row >= 0 && row < x[2] && column >= 0 && column < x[3]) {
            total += (in[((at[0] * x[1] + first + c) * x[2] + row) * x[3] + column] - kXZero) *
                     weight[((at[1] * w[1] + c) * w[2] + i) * w[3] + j];
          }
        }
      }
    }
    return total;
  }
};

void add_convolutions(std::vector<OpCase>& cases) {
  const Conv convolutions[] = {
      {"columns", {2, 20, 7, 5}, {70, 20, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}},
      {"few_channels", {2, 3, 9, 11}, {17, 3, 5, 3}, {2, 2}, {2, 1, 1, 0}, {1, 1}},
      {"one_channel", {3, 1, 6, 6}, {4, 1, 3, 3}, {1, 1}, {0, 0, 0, 0}, {1, 1}},
      {"groups", {1, 12, 5, 5}, {10, 6, 3, 3}, {1, 2}, {1, 1, 1, 1}, {1, 1}, 2},
      {"places", {2, 18, 3, 3}, {33, 18, 1, 1}, {1, 1}, {0, 0, 0, 0}, {1, 1}},
      {"steps", {1, 16, 5, 5}, {16, 16, 1, 1}, {2, 2}, {0, 0, 0, 0}, {1, 1}},
      {"dilated", {1, 5, 9, 9}, {3, 5, 3, 3}, {1, 1}, {2, 2, 2, 2}, {2, 2}},
      {"many_places", {2, 32, 16, 13}, {48, 32, 2, 2}, {1, 1}, {0, 1, 0, 1}, {1, 1}},
      {"depthwise", {2, 37, 6, 7}, {37, 1, 3, 3}, {1, 2}, {1, 1, 1, 1}, {1, 1}, 37}};
  for (const Conv& conv : convolutions) {
    for (const auto& [label, result] : results()) {
      std::vector<OpInput> inputs = product_inputs(conv.x, conv.w, conv.w[0]);
      result.add_inputs(inputs);
      cases.push_back({.op = "IntegerConv",
                       .attrs = result.attrs(conv.attrs()),
                       .inputs = std::move(inputs),
                       .expected =
                           [conv, result = result](const std::vector<HostTensor>& in) {
                             return std::vector{generate(conv.output(), [&](const Ints& at) {
                               const double v = conv.sum(in[0], in[3], at) * kXScale;
                               return result(v * scale_of(at[1]) + bias_of(at[1]));
                             })};
                           },
                       .dtypes = {DType::kFloat32},
                       .label = concat(conv.label, '_', label)});
    }
  }
}

void add_matrices(std::vector<OpCase>& cases) {
  const auto add = [&](const Shape& x, std::int64_t outputs, bool turned, const Result& result,
                       const std::string& label) {
    const std::int64_t inner = x[x.rank() - 1];
    std::vector<OpInput> inputs =
        product_inputs(x, turned ? Shape{outputs, inner} : Shape{inner, outputs}, outputs);
    result.add_inputs(inputs);
    Shape y = x;
    y[y.rank() - 1] = outputs;
    cases.push_back({.op = "IntegerMatMul",
                     .attrs = result.attrs({{"transB", std::int64_t{turned}}}),
                     .inputs = std::move(inputs),
                     .expected =
                         [=](const std::vector<HostTensor>& in) {
                           HostTensor out{y, {}};
                           for (std::int64_t i = 0; i < y.element_count(); ++i) {
                             const std::int64_t row = i / outputs, column = i % outputs;
                             double sum = 0;
                             for (std::int64_t k = 0; k < inner; ++k) {
                               sum += (in[0][row * inner + k] - kXZero) *
                                      in[3][turned ? column * inner + k : k * outputs + column];
                             }
                             out.values.push_back(
                                 result(sum * kXScale * scale_of(column) + bias_of(column)));
                           }
                           return std::vector{out};
                         },
                     .dtypes = {DType::kFloat32},
                     .label = label});
  };
  for (const auto& [label, result] : results()) {
    add({7, 30}, 5, false, result, concat("rows_", label));
    add({2, 13, 64}, 100, true, result, concat("batch_", label));
    add({1, 67}, 64, false, result, concat("one_row_", label));
  }
  // Without scales and bias: sums.
  cases.push_back({.op = "IntegerMatMul",
                   .inputs = {values({1, 3}, {1, 250, 3}).of(kU8), missing(), missing(),
                              values({3, 2}, {2, 1, -128, 127, 5, 0}).of(kI8)},
                   .expected = given({1, 2}, {-31983, 31751}),
                   .dtypes = {DType::kFloat32},
                   .label = "sums"});
}

void add_sums(std::vector<OpCase>& cases) {
  const auto add = [&](bool two, const Result& result, const char* label) {
    std::vector<OpInput> inputs;
    result.add_inputs(inputs);
    const Shape shape{2, 3, 7, 5};
    const auto operand = [&](double scale, double zero) {
      inputs.push_back(random(shape, 0, 255).of(kU8));
      inputs.push_back(values({}, {scale}));
      inputs.push_back(values({}, {zero}).of(kU8));
    };
    operand(0.5, 20);
    if (two) {
      operand(0.25, 130);
    }
    cases.push_back({.op = "IntegerAdd",
                     .attrs = result.attrs({}),
                     .inputs = std::move(inputs),
                     .expected =
                         [=](const std::vector<HostTensor>& in) {
                           return std::vector{generate(shape, [&](const Ints& i) {
                             return result((at(in[2], i) - 20) * 0.5 +
                                           (two ? (at(in[5], i) - 130) * 0.25 : 0));
                           })};
                         },
                     .dtypes = {DType::kFloat32},
                     .label = label});
  };
  for (const bool two : {false, true}) {
    add(two, {kU8, 0.5, 20, std::nullopt}, two ? "two" : "same_scale");
    add(two, {kU8, 1, 90, std::nullopt}, two ? "two_coarser" : "coarser");
    add(two, {kU8, 0.25, 1, INFINITY}, two ? "two_relu" : "relu");
    add(two, {kU8, 0.25, 9, 20.0}, two ? "two_relu6" : "relu6");
  }
}

void add_pools(std::vector<OpCase>& cases) {
  cases.push_back(
      {.op = "MaxPool",
       .attrs = {{"kernel_shape", Ints{3, 2}}, {"strides", Ints{2, 2}}, {"pads", Ints{1, 0, 1, 1}}},
       .inputs = {random({2, 19, 6, 7}, 0, 255).of(kU8)},
       .expected =
           [](const std::vector<HostTensor>& in) {
             return std::vector{generate({2, 19, 3, 4}, [&](const Ints& o) {
               double most = 0;
               for (std::int64_t i = 0; i < 6; ++i) {
                 const std::int64_t row = o[2] * 2 - 1 + i % 3, c = o[3] * 2 + i / 3;
                 if (row >= 0 && row < 6 && c < 7) {
                   most = std::max(most, at(in[0], {o[0], o[1], row, c}));
                 }
               }
               return most;
             })};
           },
       .dtypes = {DType::kFloat32},
       .label = "bytes"});
}

}  // namespace

std::vector<OpCase> integer_cases() {
  std::vector<OpCase> cases;
  add_convolutions(cases);
  add_matrices(cases);
  add_sums(cases);
  add_pools(cases);
  return cases;
}

}  // namespace temper::op_suite
