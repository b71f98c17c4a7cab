// Cases of the activations: part of the elementwise family.
#include "tests/ops/activation_cases.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/ops/closed_form.h"

namespace temper::op_suite {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

double relu(double x) { return x > 0 ? x : 0; }
double hard_swish(double x) { return x * std::min(1.0, std::max(0.0, x / 6 + 0.5)); }
double gelu(double x) { return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0))); }
double gelu_tanh(double x) {
  const double pi = std::acos(-1.0);
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / pi) * (x + 0.044715 * x * x * x)));
}

std::function<double(double)> selu(double alpha, double gamma) {
  return [=](double x) { return gamma * (x > 0 ? x : alpha * (std::exp(x) - 1)); };
}

double softplus(double x) { return std::log(1 + std::exp(x)); }

std::function<double(double)> swish(double alpha) {
  return [=](double x) { return x / (1 + std::exp(-alpha * x)); };
}

std::function<double(double)> celu(double alpha) {
  return [=](double x) { return x > 0 ? x : alpha * (std::exp(x / alpha) - 1); };
}

std::function<double(double)> shrink(double bias, double bound) {
  return [=](double x) { return x < -bound ? x + bias : x > bound ? x - bias : 0; };
}

struct Row {
  const char* op;
  Attrs attrs;
  std::function<double(double)> f;
  std::vector<double> kinks;
};

std::vector<Row> rows() {
  return {
      {"Relu", {}, relu, {0}},
      {"LeakyRelu", {}, [](double x) { return x > 0 ? x : 0.01 * x; }, {0}},
      {"LeakyRelu", {{"alpha", 0.2}}, [](double x) { return x > 0 ? x : 0.2 * x; }, {0}},
      {"Sigmoid", {}, [](double x) { return 1 / (1 + std::exp(-x)); }, {}},
      {"Tanh", {}, [](double x) { return std::tanh(x); }, {}},
      {"Softplus", {}, [](double x) { return std::log(1 + std::exp(x)); }, {}},
      {"Elu", {}, selu(1, 1), {0}},
      {"Elu", {{"alpha", 0.7}}, selu(0.7, 1), {0}},
      {"Selu", {}, selu(1.67326319217681884765625, 1.05070102214813232421875), {0}},
      {"Selu", {{"alpha", 2.0}, {"gamma", 3.0}}, selu(2, 3), {0}},
      {"Celu", {}, celu(1), {0}},
      {"Celu", {{"alpha", 0.6}}, celu(0.6), {0}},
      {"Celu", {{"alpha", -1.5}}, celu(-1.5), {0}},
      {"Swish", {}, swish(1), {}},
      {"Swish", {{"alpha", 0.5}}, swish(0.5), {}},
      {"Mish", {}, [](double x) { return x * std::tanh(softplus(x)); }, {}},
      {"Softsign", {}, [](double x) { return x / (1 + std::abs(x)); }, {0}},
      {"ThresholdedRelu", {}, [](double x) { return x > 1 ? x : 0; }, {1}},
      {"ThresholdedRelu", {{"alpha", -0.5}}, [](double x) { return x > -0.5 ? x : 0; }, {-0.5}},
      {"Shrink", {}, shrink(0, 0.5), {-0.5, 0.5}},
      {"Shrink", {{"bias", 1.5}, {"lambd", 1.25}}, shrink(1.5, 1.25), {-1.25, 1.25}},
      {"HardSigmoid",
       {},
       [](double x) { return std::min(1.0, std::max(0.0, 0.2 * x + 0.5)); },
       {-2.5, 2.5}},
      {"HardSigmoid",
       {{"alpha", 0.5}, {"beta", 0.6}},
       [](double x) { return std::min(1.0, std::max(0.0, 0.5 * x + 0.6)); },
       {-1.2, 0.8}},
      {"HardSwish", {}, hard_swish, {-3, 3}},
      {"Gelu", {}, gelu, {}},
      {"Gelu", {{"approximate", std::string("tanh")}}, gelu_tanh, {}},
  };
}

// Gradients at kinks, as PyTorch computes them (dy = 1).
void add_kinks(std::vector<OpCase>& cases) {
  const auto kink = [&](const char* op, std::vector<double> x, std::vector<double> dx,
                        Attrs attrs) {
    const Shape shape{static_cast<std::int64_t>(x.size())};
    cases.push_back(
        {.op = op,
         .attrs = std::move(attrs),
         .inputs = {values(shape, std::vector<double>(x.size(), 1.0)), values(shape, x)},
         .expected = given(shape, dx),
         .label = "kinks"});
  };
  kink("ReluGrad", {0, -1, 2}, {0, 0, 1}, {});
  kink("LeakyReluGrad", {0, -1, 2}, {0.1, 0.1, 1}, {{"alpha", 0.1}});
  kink("EluGrad", {0, 2}, {0.7, 1}, {{"alpha", 0.7}});
  kink("SeluGrad", {0, 2}, {6, 3}, {{"alpha", 2.0}, {"gamma", 3.0}});
  kink("CeluGrad", {0, 2, -0.7}, {1, 1, 0.36787944117144233}, {{"alpha", 0.7}});
  kink("HardSigmoidGrad", {-2.5, 2.5, 0, 4}, {0, 0, 0.2, 0}, {});
  kink("HardSwishGrad", {-3, 3, 0, -4, 4, 1}, {0, 1, 0.5, 0, 1, 5.0 / 6}, {});
  // Gradients of torch.nn.functional.gelu in float64.
  kink("GeluGrad", {-3, -0.5, 0, 1},
       {-0.01194564720418392, 0.13250487534383712, 0.5, 1.0833154705876864}, {});
}

// dx = dy * slope(second input): the gradient ops by themselves.
void add_gradient_ops(std::vector<OpCase>& cases) {
  const double pi = std::acos(-1.0);
  const auto grad = [&](const char* op, std::function<double(double)> slope, double low,
                        double high, Attrs attrs = {}) {
    for (const Shape& shape : {Shape{3, 5}, Shape{0, 2}, Shape{1, 33}}) {
      cases.push_back({.op = op,
                       .attrs = attrs,
                       .inputs = {random(shape), random(shape, low, high)},
                       .expected = map2([slope](double dy, double x) { return dy * slope(x); })});
    }
  };
  grad("ReluGrad", [](double y) { return y > 0 ? 1.0 : 0.0; }, -1, 1);
  grad("SigmoidGrad", [](double y) { return y * (1 - y); }, 0.01, 0.99);
  grad("TanhGrad", [](double y) { return 1 - y * y; }, -0.99, 0.99);
  grad("SoftplusGrad", [](double x) { return std::exp(x) / (1 + std::exp(x)); }, -4, 4);
  grad("ErfGrad", [=](double x) { return 2 / std::sqrt(pi) * std::exp(-x * x); }, -3, 3);
  grad("EluGrad", [](double x) { return x > 0 ? 1 : 0.7 * std::exp(x); }, -3, 3, {{"alpha", 0.7}});
  grad(
      "GeluGrad",
      [=](double x) {
        return 0.5 * (1 + std::erf(x / std::sqrt(2.0))) +
               x * std::exp(-x * x / 2) / std::sqrt(2 * pi);
      },
      -4, 4);
  // Gradients of torch.nn.functional.gelu(approximate="tanh") in float64.
  cases.push_back({.op = "GeluGrad",
                   .attrs = {{"approximate", std::string("tanh")}},
                   .inputs = {values({4}, {1, 1, 1, 1}), values({4}, {-3, -0.5, 0, 1})},
                   .expected = given({4}, {-0.011584166630969648, 0.13263009646535764, 0.5,
                                           1.0829640838457826})});
}

// Where a careless formula overflows or loses everything.
void add_extremes(std::vector<OpCase>& cases) {
  const auto extreme = [&](const char* op, std::vector<double> x, std::vector<double> y) {
    const Shape shape{static_cast<std::int64_t>(x.size())};
    cases.push_back({.op = op,
                     .inputs = {values(shape, std::move(x))},
                     .expected = given(shape, std::move(y)),
                     .label = "extreme"});
  };
  extreme("Relu", {kNan, kInf, -kInf}, {kNan, kInf, 0});
  extreme("Sigmoid", {1000, -1000, kInf, -kInf, kNan}, {1, 0, 1, 0, kNan});
  extreme("Softplus", {1000, -1000, kInf, kNan}, {1000, 0, kInf, kNan});
  extreme("Tanh", {1000, -1000, kNan}, {1, -1, kNan});
  extreme("Elu", {-1000, kNan, 1000}, {-1, kNan, 1000});
  extreme("Gelu", {1000, -30, kNan}, {1000, 0, kNan});
  extreme("HardSigmoid", {1000, -1000, kNan}, {1, 0, kNan});
  extreme("Celu", {-1000, kNan, 1000, kInf, -kInf}, {-1, kNan, 1000, kInf, -1});
  extreme("Swish", {1000, -1000, kNan, kInf}, {1000, 0, kNan, kInf});
  extreme("Mish", {1000, -1000, kNan, kInf}, {1000, 0, kNan, kInf});
  extreme("Softsign", {1000, -1000, kNan}, {1000.0 / 1001, -1000.0 / 1001, kNan});
  // ONNX: 0 unless x is greater, and NaN is not.
  extreme("ThresholdedRelu", {1, 1000, -kInf, kInf, kNan}, {0, 1000, 0, kInf, 0});
  extreme("Shrink", {0.5, -0.5, kInf, -kInf, kNan}, {0, 0, kInf, -kInf, 0});
  extreme("HardSwish", {1000, -1000}, {1000, 0});
}

ClosedForm prelu() {
  return map2([](double x, double slope) { return x > 0 ? x : slope * x; });
}

// Activations of two inputs.
void add_pairs(std::vector<OpCase>& cases) {
  const std::vector<std::pair<Shape, Shape>> shapes = {{{2, 3, 4}, {3, 1}}, {{2, 3, 4}, {2, 3, 4}},
                                                       {{3, 5}, {5}},       {{2, 5}, {}},
                                                       {{7}, {1}},          {{}, {}},
                                                       {{0, 3}, {3}}};
  for (const auto& [x, slope] : shapes) {
    cases.push_back({.op = "PRelu",
                     .inputs = {random(x).away_from({0}), random(slope)},
                     .differentiate = {0, 1},
                     .expected = prelu()});
  }
  cases.push_back({.op = "PRelu",
                   .inputs = {values({4}, {-3, 0, 5, -2}), values({1}, {2})},
                   .expected = given({4}, {-6, 0, 5, -4}),
                   .dtypes = {DType::kInt32, DType::kInt64},
                   .label = "integers"});
  cases.push_back({.op = "PRelu",
                   .inputs = {values({3}, {3, 0, 5}), values({3}, {2, 2, 2})},
                   .expected = given({3}, {3, 0, 5}),
                   .dtypes = {DType::kUInt32, DType::kUInt64},
                   .label = "unsigned"});
  for (const double alpha : {1.0, 0.75}) {
    for (const Shape& shape : {Shape{3, 5}, Shape{}, Shape{0, 2}}) {
      cases.push_back(
          {.op = "SwiGLU",
           .attrs = {{"alpha", alpha}},
           .inputs = {random(shape, -4, 4), random(shape)},
           .differentiate = {0, 1},
           .expected = map2([f = swish(alpha)](double a, double b) { return f(a) * b; })});
    }
  }
}

// The bounds and the bias of an integer Shrink keep their fractions.
void add_integer_shrink(std::vector<OpCase>& cases) {
  cases.push_back({.op = "Shrink",
                   .attrs = {{"bias", 1.5}, {"lambd", 1.5}},
                   .inputs = {values({5}, {-4, -1, 0, 1, 4})},
                   .expected = given({5}, {-2, 0, 0, 0, 2}),
                   .dtypes = {DType::kInt8, DType::kInt16, DType::kInt32, DType::kInt64},
                   .label = "integers"});
  cases.push_back({.op = "Shrink",
                   .attrs = {{"bias", 1.0}, {"lambd", 2.0}},
                   .inputs = {values({4}, {0, 2, 3, 200})},
                   .expected = given({4}, {0, 0, 2, 199}),
                   .dtypes = {DType::kUInt8, DType::kUInt16, DType::kUInt32, DType::kUInt64},
                   .label = "unsigned"});
}

}  // namespace

void add_activations(std::vector<OpCase>& cases) {
  for (const Row& row : rows()) {
    for (const Shape& shape : {Shape{4, 5}, Shape{}, Shape{0, 3}, Shape{1, 37}}) {
      cases.push_back({.op = row.op,
                       .attrs = row.attrs,
                       .inputs = {random(shape, -4, 4).away_from(row.kinks)},
                       .differentiate = {0},
                       .expected = map1(row.f)});
    }
  }
  cases.push_back({.op = "Relu",
                   .inputs = {values({3}, {-3, 0, 5})},
                   .expected = given({3}, {0, 0, 5}),
                   .dtypes = {DType::kInt8, DType::kInt16, DType::kInt32, DType::kInt64},
                   .label = "integers"});
  add_pairs(cases);
  add_integer_shrink(cases);
  add_kinks(cases);
  add_gradient_ops(cases);
  add_extremes(cases);
}

}  // namespace temper::op_suite
