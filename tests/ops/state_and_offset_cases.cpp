// Cases of DeformConv and CausalConvWithState, and of LinearAttention, by their definitions.
#include <cmath>

#include "tests/ops/closed_form.h"
#include "tests/ops/expected/linear_attention.h"
#include "tests/ops/families.h"

namespace temper::op_suite {
namespace {

using Ints = std::vector<std::int64_t>;

// Offsets stay away from whole numbers, where interpolation has a kink.
OpInput offsets(const Shape& shape) { return random(shape, -1.4, 1.4).away_from({-1, 0, 1}); }

void add_deform(std::vector<OpCase>& cases) {
  // Between the elements of a line, and beyond its end.
  cases.push_back({.op = "DeformConv",
                   .inputs = {values({1, 1, 4}, {1, 2, 4, 8}), values({1, 1, 1}, {2}),
                              values({1, 1, 4}, {0.5, 0.25, -0.5, 0.75})},
                   .differentiate = {0, 1, 2},
                   .expected = given({1, 1, 4}, {3, 5, 6, 4}),
                   .label = "line"});
  const auto add = [&](Attrs attrs, std::vector<OpInput> inputs, const char* label) {
    std::vector<int> differentiate;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (!inputs[i].is_missing) {
        differentiate.push_back(static_cast<int>(i));
      }
    }
    cases.push_back({.op = "DeformConv",
                     .attrs = std::move(attrs),
                     .inputs = std::move(inputs),
                     .differentiate = std::move(differentiate),
                     .label = label});
  };
  add({}, {random({2, 2, 3, 3}), random({2, 2, 2, 2}), offsets({2, 8, 2, 2})}, "plain");
  add({{"pads", Ints{1, 0, 1, 1}}, {"strides", Ints{2, 1}}, {"dilations", Ints{1, 2}}},
      {random({1, 2, 4, 4}), random({2, 2, 2, 2}), offsets({1, 8, 3, 3}), random({2}),
       random({1, 4, 3, 3})},
      "window");
  add({{"group", std::int64_t{2}}, {"offset_group", std::int64_t{2}}},
      {random({1, 4, 3, 3}), random({2, 2, 2, 2}), offsets({1, 16, 2, 2}), missing(),
       random({1, 8, 2, 2})},
      "groups");
  add({}, {random({1, 1, 2, 2, 3}), random({1, 1, 1, 2, 2}), offsets({1, 12, 2, 1, 2})}, "volume");
}

// y[b,c,t] = f(bias + sum_k w[c,k] s[t + k]), s being the past and x in a row
ClosedForm causal(bool silu) {
  return [=](const std::vector<HostTensor>& in) {
    const Shape& x = in[0].shape;
    const std::int64_t taps = in[1].shape[2];
    const bool with_past = in.size() > 3 && !in[3].values.empty();
    const auto sequence = [&](std::int64_t row, std::int64_t at) {
      return at < taps - 1 ? (with_past ? in[3][row * (taps - 1) + at] : 0)
                           : in[0][row * x[2] + at - (taps - 1)];
    };
    HostTensor y{x, {}}, present{{x[0], x[1], taps - 1}, {}};
    for (std::int64_t row = 0; row < x[0] * x[1]; ++row) {
      const std::int64_t channel = row % x[1];
      for (std::int64_t t = 0; t < x[2]; ++t) {
        double sum = in.size() > 2 && !in[2].values.empty() ? in[2][channel] : 0;
        for (std::int64_t k = 0; k < taps; ++k) {
          sum += in[1][channel * taps + k] * sequence(row, t + k);
        }
        y.values.push_back(silu ? sum / (1 + std::exp(-sum)) : sum);
      }
      for (std::int64_t k = 0; k < taps - 1; ++k) {
        present.values.push_back(sequence(row, x[2] + k));
      }
    }
    return std::vector{y, present};
  };
}

void add_causal(std::vector<OpCase>& cases) {
  const Attrs silu{{"activation", std::string("silu")}};
  cases.push_back({.op = "CausalConvWithState",
                   .inputs = {random({2, 3, 5}), random({3, 1, 3})},
                   .outputs = 2,
                   .differentiate = {0, 1},
                   .expected = causal(false)});
  cases.push_back({.op = "CausalConvWithState",
                   .attrs = silu,
                   .inputs = {random({2, 3, 2}), random({3, 1, 4}), random({3}), random({2, 3, 3})},
                   .outputs = 2,
                   .differentiate = {0, 1, 2, 3},
                   .expected = causal(true),
                   .label = "past"});
  cases.push_back({.op = "CausalConvWithState",
                   .inputs = {random({1, 2, 3}), random({2, 1, 1}), random({2})},
                   .outputs = 2,
                   .differentiate = {0, 1, 2},
                   .expected = causal(false),
                   .label = "one_tap"});
}

struct AttentionForm {
  const char* rule;
  std::int64_t heads, kv_heads, key, value;
  bool decay_by_key = false, one_beta = false, past = false;
};

// The state as one matrix for each sample and head of keys, by the definition of the rules.
ClosedForm linear_attention(const AttentionForm& f) {
  return [=](const std::vector<HostTensor>& in) {
    const std::string rule = f.rule;
    const bool decays = rule.starts_with("gated"), delta = rule.ends_with("delta");
    const std::int64_t batch = in[0].shape[0], steps = in[0].shape[1], share = f.heads / f.kv_heads;
    const double scale = 1 / std::sqrt(static_cast<double>(f.key));
    HostTensor y{
        {batch, steps, f.heads * f.value},
        std::vector<double>(static_cast<std::size_t>(batch * steps * f.heads * f.value), 0)};
    HostTensor last{{batch, f.kv_heads, f.key, f.value}, {}};
    for (std::int64_t n = 0; n < batch; ++n) {
      for (std::int64_t h = 0; h < f.kv_heads; ++h) {
        std::vector<std::vector<double>> state(
            static_cast<std::size_t>(f.key),
            std::vector<double>(static_cast<std::size_t>(f.value), 0));
        const auto s = [&](std::int64_t i, std::int64_t j) -> double& {
          return state[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)];
        };
        for (std::int64_t i = 0; i < f.key && f.past; ++i) {
          for (std::int64_t j = 0; j < f.value; ++j) {
            s(i, j) = at(in[3], {n, h, i, j});
          }
        }
        for (std::int64_t t = 0; t < steps; ++t) {
          const auto k = [&](std::int64_t i) { return at(in[1], {n, t, h * f.key + i}); };
          for (std::int64_t i = 0; i < f.key && decays; ++i) {
            const double decay = at(in[4], {n, t, f.decay_by_key ? h * f.key + i : h});
            for (std::int64_t j = 0; j < f.value; ++j) {
              s(i, j) *= std::exp(decay);
            }
          }
          for (std::int64_t j = 0; j < f.value; ++j) {
            double u = at(in[2], {n, t, h * f.value + j});
            for (std::int64_t i = 0; i < f.key && delta; ++i) {
              u -= s(i, j) * k(i);
            }
            u *= delta ? at(in[5], {n, t, f.one_beta ? 0 : h}) : 1;
            for (std::int64_t i = 0; i < f.key; ++i) {
              s(i, j) += k(i) * u;
            }
          }
          for (std::int64_t q = h * share; q < (h + 1) * share; ++q) {
            for (std::int64_t j = 0; j < f.value; ++j) {
              double sum = 0;
              for (std::int64_t i = 0; i < f.key; ++i) {
                sum += at(in[0], {n, t, q * f.key + i}) * s(i, j);
              }
              y[((n * steps + t) * f.heads + q) * f.value + j] = scale * sum;
            }
          }
        }
        for (const auto& row : state) {
          last.values.insert(last.values.end(), row.begin(), row.end());
        }
      }
    }
    return std::vector{y, last};
  };
}

void add_attention(std::vector<OpCase>& cases) {
  const AttentionForm forms[] = {{"linear", 2, 2, 2, 3},
                                 {"gated", 2, 1, 2, 2, true},
                                 {"gated", 2, 2, 2, 2, false, false, true},
                                 {"delta", 4, 2, 2, 2},
                                 {"gated_delta", 4, 2, 3, 2, true, true, true},
                                 {"gated_delta", 2, 2, 2, 3}};
  constexpr std::int64_t kBatch = 2, kSteps = 5;
  for (const AttentionForm& f : forms) {
    const std::string rule = f.rule;
    const auto sequence = [&](std::int64_t features, double low, double high) {
      return random({kBatch, kSteps, features}, low, high);
    };
    OpCase made{
        .op = "LinearAttention",
        .attrs = {{"update_rule", rule}, {"q_num_heads", f.heads}, {"kv_num_heads", f.kv_heads}},
        .outputs = 2};
    made.inputs = {sequence(f.heads * f.key, -1, 1), sequence(f.kv_heads * f.key, -1, 1),
                   sequence(f.kv_heads * f.value, -1, 1)};
    made.inputs.push_back(f.past ? random({kBatch, f.kv_heads, f.key, f.value}, -1, 1) : missing());
    made.inputs.push_back(rule.starts_with("gated")
                              ? sequence(f.kv_heads * (f.decay_by_key ? f.key : 1), -1, 0)
                              : missing());
    made.inputs.push_back(rule.ends_with("delta") ? sequence(f.one_beta ? 1 : f.kv_heads, 0.1, 0.9)
                                                  : missing());
    for (std::size_t i = 0; i < made.inputs.size(); ++i) {
      if (!made.inputs[i].is_missing) {
        made.differentiate.push_back(static_cast<int>(i));
      }
    }
    made.expected = linear_attention(f);
    cases.push_back(std::move(made));
  }
}

// 0.8 sin(i + 1 + k), scaled and moved: the inputs of the oracle's script.
OpInput wave(int i, const Shape& shape, double factor = 1, double offset = 0) {
  std::vector<double> numbers;
  for (std::int64_t k = 0; k < shape.element_count(); ++k) {
    numbers.push_back(offset + factor * 0.8 * std::sin(i + 1 + static_cast<double>(k)));
  }
  return values(shape, std::move(numbers));
}

// PyTorch's values and gradients: two heads that share the state of one.
void add_torch_attention(std::vector<OpCase>& cases) {
  const auto expect = [](const std::vector<std::vector<double>>& lists,
                         const std::vector<Shape>& shapes) {
    std::vector<HostTensor> tensors;
    for (std::size_t i = 0; i < lists.size(); ++i) {
      tensors.push_back({shapes[i], lists[i]});
    }
    return [tensors](const std::vector<HostTensor>&) { return tensors; };
  };
  const std::vector<Shape> shapes{{2, 3, 4},    {2, 3, 2}, {2, 3, 2},
                                  {2, 1, 2, 2}, {2, 3, 2}, {2, 3, 1}};
  OpCase forward{.op = "LinearAttention",
                 .attrs = {{"q_num_heads", std::int64_t{2}}, {"kv_num_heads", std::int64_t{1}}},
                 .outputs = 2};
  for (int i = 0; i < 6; ++i) {
    forward.inputs.push_back(wave(i, shapes[static_cast<std::size_t>(i)], i == 5 ? 0.5 : 1,
                                  i == 5   ? 0.5
                                  : i == 4 ? -1
                                           : 0));
  }
  forward.dtypes = {DType::kFloat64};
  forward.label = "torch";
  forward.expected = expect(kLinearAttentionOutputs, {{2, 3, 4}, {2, 1, 2, 2}});
  OpCase gradient = forward;
  gradient.op = "LinearAttentionGrad";
  gradient.outputs = 6;
  gradient.inputs.push_back(wave(6, {2, 3, 4}));
  gradient.inputs.push_back(wave(7, {2, 1, 2, 2}));
  gradient.expected = expect(kLinearAttentionGradients, shapes);
  cases.push_back(std::move(forward));
  cases.push_back(std::move(gradient));
}

}  // namespace

std::vector<OpCase> state_and_offset_cases() {
  std::vector<OpCase> cases;
  add_deform(cases);
  add_causal(cases);
  add_attention(cases);
  add_torch_attention(cases);
  return cases;
}

}  // namespace temper::op_suite
