// Cases of what other domains of ONNX have, by the formulas of the standard: the optimizers of
// ai.onnx.preview.training, Scaler of ai.onnx.ml.
#include <cmath>

#include "runtime/base/concat.h"
#include "tests/ops/families.h"

namespace temper::op_suite {
namespace {

// One element of a tensor: its value, gradient and states, before; value and states, after.
using Step = std::vector<double> (*)(const Attrs&, double rate, double count,
                                     const std::vector<double>& before);

std::vector<double> adagrad(const Attrs& a, double rate, double count,
                            const std::vector<double>& in) {
  const double g = a.get_double("norm_coefficient", 0) * in[0] + in[1];
  const double h = in[2] + g * g;
  const double r = rate / (1 + count * a.get_double("decay_factor", 0));
  return {in[0] - r * g / (std::sqrt(h) + a.get_double("epsilon", 1e-6)), h};
}

std::vector<double> adam(const Attrs& a, double rate, double count, const std::vector<double>& in) {
  const double alpha = a.get_double("alpha", 0.9), beta = a.get_double("beta", 0.999);
  const double g = a.get_double("norm_coefficient", 0) * in[0] + in[1];
  const double v = alpha * in[2] + (1 - alpha) * g;
  const double h = beta * in[3] + (1 - beta) * g * g;
  const double r =
      count > 0 ? rate * std::sqrt(1 - std::pow(beta, count)) / (1 - std::pow(alpha, count)) : rate;
  const double x = in[0] - r * v / (std::sqrt(h) + a.get_double("epsilon", 1e-6));
  return {(1 - a.get_double("norm_coefficient_post", 0)) * x, v, h};
}

std::vector<double> momentum(const Attrs& a, double rate, double count,
                             const std::vector<double>& in) {
  const double alpha = a.get_double("alpha", 0);
  const double g = a.get_double("norm_coefficient", 0) * in[0] + in[1];
  const double v = alpha * in[2] + (count > 0 ? a.get_double("beta", 1) : 1) * g;
  const bool nesterov = a.get_string("mode", "") == "nesterov";
  return {in[0] - rate * (nesterov ? g + alpha * v : v), v};
}

// Of a tensor [2, 3], or of that and one [4].
OpCase update_case(const char* op, Attrs attrs, Step step, int states, int tensors, double count) {
  const std::vector<Shape> shapes{{2, 3}, {4}};
  OpCase made{.op = op, .attrs = attrs};
  made.inputs = {values({}, {0.25}), values({}, {count}).of(DType::kInt64)};
  made.differentiate = {0};
  for (int kind = 0; kind < 2 + states; ++kind) {
    for (int t = 0; t < tensors; ++t) {
      // Sums of squares are positive.
      made.differentiate.push_back(static_cast<int>(made.inputs.size()));
      made.inputs.push_back(
          random(shapes[static_cast<std::size_t>(t)], kind == 1 + states ? 0.5 : -2, 2));
    }
  }
  made.outputs = tensors * (1 + states);
  made.expected = [=](const std::vector<HostTensor>& in) {
    std::vector<HostTensor> out(static_cast<std::size_t>(tensors * (1 + states)));
    for (int t = 0; t < tensors; ++t) {
      const auto input = [&](int kind) -> const HostTensor& {
        return in[static_cast<std::size_t>(2 + kind * tensors + t)];
      };
      for (std::int64_t i = 0; i < input(0).count(); ++i) {
        std::vector<double> before;
        for (int kind = 0; kind < 2 + states; ++kind) {
          before.push_back(input(kind)[i]);
        }
        const std::vector<double> after = step(attrs, 0.25, count, before);
        for (std::size_t k = 0; k < after.size(); ++k) {
          HostTensor& tensor =
              out[k * static_cast<std::size_t>(tensors) + static_cast<std::size_t>(t)];
          tensor.shape = input(0).shape;
          tensor.values.push_back(after[k]);
        }
      }
    }
    return out;
  };
  made.label = concat(tensors, "_tensors_at_", count);
  return made;
}

// y = (x - offset) scale. Its output is f32 whatever comes in, so no difference of it is taken.
OpCase scaler(std::vector<double> offset, std::vector<double> scale, DType type) {
  OpCase made{.op = "Scaler", .attrs = {{"offset", offset}, {"scale", scale}}};
  made.inputs = {random({2, 3}, -9, 9).of(type)};
  made.differentiate = is_float(type) ? std::vector<int>{0} : std::vector<int>{};
  made.expected = [=](const std::vector<HostTensor>& in) {
    HostTensor y = in[0];
    for (std::int64_t i = 0; i < y.count(); ++i) {
      const auto at = scale.size() == 1 ? 0 : static_cast<std::size_t>(i % 3);
      y[i] = (y[i] - offset[at]) * scale[at];
    }
    return std::vector{y};
  };
  made.dtypes = {DType::kFloat32};
  made.label = to_string(type);
  return made;
}

}  // namespace

std::vector<OpCase> other_domain_cases() {
  const auto of_mode = [](const char* mode) {
    return Attrs{
        {"alpha", 0.9}, {"beta", 0.75}, {"norm_coefficient", 0.01}, {"mode", std::string(mode)}};
  };
  const Attrs decaying{{"norm_coefficient", 0.01}, {"decay_factor", 0.1}, {"epsilon", 1e-3}};
  const Attrs regularized{{"alpha", 0.8},
                          {"beta", 0.9},
                          {"norm_coefficient", 0.01},
                          {"norm_coefficient_post", 0.02},
                          {"epsilon", 1e-3}};
  return {update_case("Adagrad", {}, adagrad, 1, 1, 0),
          update_case("Adagrad", decaying, adagrad, 1, 2, 3),
          update_case("Adam", {}, adam, 2, 1, 0),
          update_case("Adam", regularized, adam, 2, 2, 3),
          update_case("Momentum", of_mode("standard"), momentum, 1, 1, 0),
          update_case("Momentum", of_mode("standard"), momentum, 1, 2, 3),
          update_case("Momentum", of_mode("nesterov"), momentum, 1, 1, 3),
          scaler({1, -2, 0.5}, {2, 0.25, -1}, DType::kFloat32),
          scaler({3}, {0.5}, DType::kInt64),
          scaler({1, -2, 0.5}, {2, 0.25, -1}, DType::kFloat64)};
}

}  // namespace temper::op_suite
