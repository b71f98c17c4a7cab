// Cases of BatchNormalization, Dropout and PhiloxRandom, and the list of the whole neural-network
// family.
#include "tests/ops/nn_cases.h"

#include <algorithm>
#include <cmath>

#include "backends/common/philox.h"
#include "tests/ops/closed_form.h"
#include "tests/ops/families.h"

namespace temper::op_suite {
namespace {

constexpr std::int64_t kOn = 1;
using Index = std::vector<std::int64_t>;

struct Moments {
  HostTensor mean, var;  // var: biased
  double count = 0;      // values per channel
};

Moments moments(const HostTensor& x) {
  const Shape channel{x.shape[1]};
  const auto zero = [](const Index&) { return 0.0; };
  Moments m{generate(channel, zero), generate(channel, zero),
            static_cast<double>(x.count() / x.shape[1])};
  for (std::int64_t i = 0; i < x.count(); ++i) {
    m.mean[coordinates(x.shape, i)[1]] += x[i] / m.count;
  }
  for (std::int64_t i = 0; i < x.count(); ++i) {
    const std::int64_t c = coordinates(x.shape, i)[1];
    m.var[c] += (x[i] - m.mean[c]) * (x[i] - m.mean[c]) / m.count;
  }
  return m;
}

double normalised(const std::vector<HostTensor>& in, const HostTensor& mean, const HostTensor& var,
                  const Index& i, double epsilon) {
  const std::int64_t c = i[1];
  return (at(in[0], i) - mean[c]) / std::sqrt(var[c] + epsilon) * in[1][c] + in[2][c];
}

ClosedForm frozen_form(double epsilon) {
  return [epsilon](const std::vector<HostTensor>& in) {
    return std::vector{generate(
        in[0].shape, [&](const Index& i) { return normalised(in, in[3], in[4], i, epsilon); })};
  };
}

ClosedForm train_form(double epsilon, double momentum, bool unbiased, bool relu) {
  return [=](const std::vector<HostTensor>& in) {
    const Moments m = moments(in[0]);
    const auto blend = [&](const HostTensor& old_value, const HostTensor& batch, double factor) {
      return generate(old_value.shape, [&](const Index& i) {
        return momentum * at(old_value, i) + (1 - momentum) * factor * at(batch, i);
      });
    };
    const HostTensor y = generate(in[0].shape, [&](const Index& i) {
      const double value = normalised(in, m.mean, m.var, i, epsilon);
      return relu ? std::max(value, 0.0) : value;
    });
    return std::vector{y, blend(in[3], m.mean, 1),
                       blend(in[4], m.var, unbiased ? m.count / (m.count - 1) : 1), m.mean, m.var};
  };
}

std::vector<OpInput> norm_inputs(const Shape& x) {
  const Shape channel{x[1]};
  return {random(x), random(channel, 0.5, 2), random(channel), random(channel),
          random(channel, 0.3, 2)};
}

constexpr double kEpsilon = 1e-3;

// The gradient of BatchNormTrain by its definition: through mean and variance, as three chain
// rules.
ClosedForm train_grad_form(bool relu) {
  return [relu](const std::vector<HostTensor>& in) {
    const Shape& shape = in[1].shape;
    const HostTensor &x = in[1], &scale = in[2], &bias = in[3], &mean = in[4], &var = in[5];
    const auto zero = [](const Index&) { return 0.0; };
    HostTensor dx = generate(shape, zero);
    HostTensor dscale = generate(scale.shape, zero);
    HostTensor dbias = dscale, dmean = dscale, dvar = dscale;
    const double n = static_cast<double>(x.count() / shape[1]);
    const auto sigma = [&](std::int64_t c) { return std::sqrt(var[c] + kEpsilon); };
    const auto gradient = [&](std::int64_t i, std::int64_t c) {
      const double y = (x[i] - mean[c]) / sigma(c) * scale[c] + bias[c];
      return relu && y <= 0 ? 0.0 : in[0][i];
    };
    for (std::int64_t i = 0; i < x.count(); ++i) {
      const std::int64_t c = coordinates(shape, i)[1];
      const double dy = gradient(i, c);
      dbias[c] += dy;
      dscale[c] += dy * (x[i] - mean[c]) / sigma(c);
      dmean[c] -= dy * scale[c] / sigma(c);
      dvar[c] -= 0.5 * dy * scale[c] * (x[i] - mean[c]) / std::pow(sigma(c), 3);
    }
    for (std::int64_t i = 0; i < x.count(); ++i) {
      const std::int64_t c = coordinates(shape, i)[1];
      dx[i] =
          gradient(i, c) * scale[c] / sigma(c) + dmean[c] / n + dvar[c] * 2 * (x[i] - mean[c]) / n;
    }
    return std::vector{dx, dscale, dbias};
  };
}

void add_train_grad_case(std::vector<OpCase>& cases, bool relu) {
  OpCase made{.op = "BatchNormTrainGrad",
              .attrs = {{"epsilon", kEpsilon}, {"relu", std::int64_t{relu}}}};
  // The statistics must be those of x for the closed form to be a gradient.
  HostTensor x{{2, 2, 3}, {0.5, -1, 2, 1, 1.5, -0.5, 0.25, 3, -2, 0.75, -1.25, 2.5}};
  const Moments m = moments(x);
  made.inputs = {random(x.shape), values(x.shape, x.values),  random({2}, 0.5, 2),
                 random({2}),     values({2}, m.mean.values), values({2}, m.var.values)};
  made.outputs = 3;
  made.expected = train_grad_form(relu);
  cases.push_back(made);
}

}  // namespace

// As mixed precision leaves them: x in 16 bits, everything else in f32.
static void add_mixed_norm_cases(std::vector<OpCase>& cases) {
  std::vector<OpInput> inputs = norm_inputs({3, 2, 4, 5});
  for (std::size_t i = 1; i < inputs.size(); ++i) {
    inputs[i].dtype = DType::kFloat32;
  }
  OpCase frozen{.op = "BatchNormalization",
                .attrs = {{"epsilon", kEpsilon}},
                .inputs = inputs,
                .differentiate = {0, 1, 2},
                .expected = frozen_form(kEpsilon),
                .dtypes = {DType::kFloat16, DType::kBFloat16},
                .label = "f32_statistics"};
  OpCase train{.op = "BatchNormTrain",
               .attrs = {{"epsilon", kEpsilon}, {"momentum", 0.9}, {"unbiased", kOn}},
               .inputs = inputs,
               .outputs = 5,
               .differentiate = {0, 1, 2},
               .expected = train_form(kEpsilon, 0.9, true, false),
               .dtypes = frozen.dtypes,
               .label = frozen.label,
               .not_differentiable_outputs = {1, 2, 3, 4}};
  cases.push_back(std::move(frozen));
  cases.push_back(std::move(train));
}

void add_norm_cases(std::vector<OpCase>& cases) {
  add_mixed_norm_cases(cases);
  for (const Shape& x : {Shape{4, 3}, Shape{2, 3, 5}, Shape{3, 2, 4, 5}, Shape{2, 2, 2, 3, 2}}) {
    cases.push_back({.op = "BatchNormalization",
                     .attrs = {{"epsilon", kEpsilon}},
                     .inputs = norm_inputs(x),
                     .differentiate = {0, 1, 2, 3, 4},
                     .expected = frozen_form(kEpsilon)});
    cases.push_back({.op = "BatchNormTrain",
                     .attrs = {{"epsilon", kEpsilon}, {"momentum", 0.9}, {"unbiased", kOn}},
                     .inputs = norm_inputs(x),
                     .outputs = 5,
                     .differentiate = {0, 1, 2, 3, 4},
                     .expected = train_form(kEpsilon, 0.9, true, false)});
  }
  cases.push_back({.op = "BatchNormalization",
                   .attrs = {{"epsilon", kEpsilon}, {"relu", kOn}, {"ceiling", 0.4}},
                   .inputs = norm_inputs({3, 20, 2, 3}),
                   .expected =
                       [](const std::vector<HostTensor>& in) {
                         return map1([](double v) { return std::clamp(v, 0.0, 0.4); })(
                             frozen_form(kEpsilon)(in));
                       },
                   .label = "relu6"});
  cases.push_back({.op = "BatchNormalization",
                   .inputs = norm_inputs({2, 3, 4}),
                   .expected = frozen_form(1e-5),
                   .label = "default_epsilon"});
  cases.push_back({.op = "BatchNormTrain",
                   .attrs = {{"epsilon", kEpsilon},
                             {"momentum", 0.6},
                             {"unbiased", std::int64_t{0}},
                             {"relu", kOn}},
                   .inputs = norm_inputs({2, 3, 4, 2}),
                   .outputs = 5,
                   .expected = train_form(kEpsilon, 0.6, false, true)});
  cases.push_back(
      {.op = "BatchNormTrain",
       .attrs = {{"epsilon", kEpsilon}, {"momentum", 0.6}, {"unbiased", std::int64_t{0}}},
       .inputs = norm_inputs({3, 2, 4}),
       .outputs = 5,
       .differentiate = {0, 3, 4},
       .expected = train_form(kEpsilon, 0.6, false, false),
       .label = "biased"});
  add_train_grad_case(cases, false);
  add_train_grad_case(cases, true);
}

void add_dropout_cases(std::vector<OpCase>& cases) {
  const auto copy_and_ones = [](const std::vector<HostTensor>& in) {
    return std::vector{in[0], generate(in[0].shape, [](const Index&) { return 1.0; })};
  };
  cases.push_back({.op = "Dropout",
                   .inputs = {random({3, 4}), constant_scalar(0.7)},
                   .outputs = 2,
                   .differentiate = {0},
                   .expected = copy_and_ones});
  // Element i of the batch is number position * 5 + i of the stream.
  const auto drop = [](double ratio, std::uint32_t seed, std::uint32_t id, std::uint64_t first) {
    return [=](const std::vector<HostTensor>& in) {
      HostTensor y = in[0];
      HostTensor mask = in[0];
      for (std::int64_t i = 0; i < y.count(); ++i) {
        const std::uint64_t at = first + static_cast<std::uint64_t>(i);
        const PhiloxBlock block =
            philox4x32_10({static_cast<std::uint32_t>(at / 4), 0, 0, 0}, {seed, id});
        const double uniform = std::floor(block[at % 4] / 256.0) / (1 << 24);
        mask[i] = uniform >= ratio ? 1 : 0;
        y[i] = uniform >= ratio ? in[0][i] / (1 - ratio) : 0;
      }
      return std::vector{y, mask};
    };
  };
  for (const auto& [ratio, position] : {std::pair{0.5, 0}, {0.25, 3}, {0.0, 1}}) {
    cases.push_back(
        {.op = "DropoutTrain",
         .attrs = {{"ratio", ratio}, {"seed", std::int64_t{42}}, {"random_id", std::int64_t{7}}},
         .inputs = {random({4, 5}), values({}, {static_cast<double>(position)}).of(DType::kInt64)},
         .outputs = 2,
         .differentiate = {0},
         .expected = drop(ratio, 42, 7, static_cast<std::uint64_t>(position) * 5)});
  }
  // An element's word goes by its logical number, whatever the layout.
  cases.push_back(
      {.op = "DropoutTrain",
       .attrs = {{"ratio", 0.25}, {"seed", std::int64_t{42}}, {"random_id", std::int64_t{7}}},
       .inputs = {random({2, 3, 4, 5}), values({}, {3}).of(DType::kInt64)},
       .outputs = 2,
       .expected = drop(0.25, 42, 7, 3 * 60),
       .label = "image"});
  // Longer than a tile of a kernel, from within a block of words on.
  cases.push_back(
      {.op = "DropoutTrain",
       .attrs = {{"ratio", 0.25}, {"seed", std::int64_t{42}}, {"random_id", std::int64_t{7}}},
       .inputs = {random({3, 1111}), values({}, {3}).of(DType::kInt64)},
       .outputs = 2,
       .expected = drop(0.25, 42, 7, 3 * 1111),
       .label = "long"});
}

// Element i of the batch is number position * 3 + i of the stream.
void add_random_cases(std::vector<OpCase>& cases) {
  constexpr std::uint32_t kSeed = 5;
  constexpr std::uint32_t kId = 11;
  const auto word = [](std::uint64_t at) {
    return philox4x32_10({static_cast<std::uint32_t>(at / 4), 0, 0, 0}, {kSeed, kId})[at % 4];
  };
  const auto drawn = [=](bool is_normal, std::uint64_t first) {
    return [=](const std::vector<HostTensor>&) {
      HostTensor y{{2, 3}, {}};
      for (std::uint64_t i = 0; i < 6; ++i) {
        const std::uint64_t at = first + i;
        const double u = (word(2 * at) + 1.0) / 4294967296.0;
        const double v = word(2 * at + 1) / 4294967296.0;
        y.values.push_back(is_normal
                               ? std::sqrt(-2 * std::log(u)) * std::cos(2 * std::acos(-1.0) * v)
                               : std::floor(word(at) / 256.0) / (1 << 24));
      }
      return std::vector{y};
    };
  };
  for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
    for (const bool is_normal : {true, false}) {
      cases.push_back({.op = "PhiloxRandom",
                       .attrs = {{"shape", std::vector<std::int64_t>{2, 3}},
                                 {"dtype", std::string(to_string(dtype))},
                                 {"distribution", std::string(is_normal ? "normal" : "uniform")},
                                 {"seed", std::int64_t{kSeed}},
                                 {"random_id", std::int64_t{kId}}},
                       .inputs = {values({}, {4}).of(DType::kInt64)},
                       .expected = drawn(is_normal, 12),
                       .dtypes = {dtype}});
    }
  }
}

std::vector<OpCase> nn_cases() {
  std::vector<OpCase> cases;
  add_matmul_cases(cases);
  add_conv_cases(cases);
  add_pool_cases(cases);
  add_norm_cases(cases);
  add_dropout_cases(cases);
  add_random_cases(cases);
  return cases;
}

}  // namespace temper::op_suite
