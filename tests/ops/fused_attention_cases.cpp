// Cases of FusedAttention and of its gradient op, by their definitions: small ones against central
// differences, and some of several blocks of queries and keys.
#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/ops/closed_form.h"
#include "tests/ops/reduction_cases.h"

namespace temper::op_suite {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
using Index = std::vector<std::int64_t>;

struct Sizes {
  std::int64_t batch = 2, heads = 2, queries = 3, keys = 5, size = 3, values = 2;

  Shape q() const { return {batch, heads, queries, size}; }
  Shape k(bool turned) const {
    return turned ? Shape{batch, heads, size, keys} : Shape{batch, heads, keys, size};
  }
  Shape v() const { return {batch, heads, keys, values}; }
  Shape y() const { return {batch, heads, queries, values}; }
  Shape rows() const { return {batch, heads, queries}; }
};

struct Form {
  bool causal = false, turned = false, zero_rows = false;
  double scale = 0.6;

  Attrs attrs() const {
    return {{"scale", scale},
            {"causal", std::int64_t{causal ? 1 : 0}},
            {"k_transposed", std::int64_t{turned ? 1 : 0}},
            {"zero_rows", std::int64_t{zero_rows ? 1 : 0}}};
  }
};

double key_of(const Form& form, const std::vector<HostTensor>& in, const Index& i, std::int64_t key,
              std::int64_t d) {
  return form.turned ? at(in[1], {i[0], i[1], d, key}) : at(in[1], {i[0], i[1], key, d});
}

// Of query i[2] in head i[1] of sample i[0].
std::vector<double> scores(const Form& form, const std::vector<HostTensor>& in, const Index& i) {
  std::vector<double> made;
  for (std::int64_t key = 0; key < in[2].shape[2]; ++key) {
    double sum = 0;
    for (std::int64_t d = 0; d < in[0].shape[3]; ++d) {
      sum += at(in[0], {i[0], i[1], i[2], d}) * key_of(form, in, i, key, d);
    }
    const bool biased = in.size() > 3 && !in[3].values.empty();
    const double bias = biased ? at(in[3], {i[0], i[1], i[2], key}) : 0;
    made.push_back(form.causal && key > i[2] ? -kInf : form.scale * sum + bias);
  }
  return made;
}

ClosedForm attention(const Form& form, bool with_lse) {
  return [form, with_lse](const std::vector<HostTensor>& in) {
    const Shape& v = in[2].shape;
    const auto sum_of = [&](const std::vector<double>& all) {
      double sum = 0;
      for (const double score : all) {
        sum += std::exp(score);
      }
      return sum;
    };
    const Shape& q = in[0].shape;
    HostTensor y = generate({q[0], q[1], q[2], v[3]}, [&](const Index& i) {
      const std::vector<double> all = scores(form, in, i);
      const double sum = sum_of(all);
      double made = 0;
      for (std::int64_t key = 0; key < v[2]; ++key) {
        made += std::exp(all[static_cast<std::size_t>(key)]) * at(in[2], {i[0], i[1], key, i[3]});
      }
      return sum == 0 && form.zero_rows ? 0 : made / sum;
    });
    HostTensor lse = generate({q[0], q[1], q[2]}, [&](const Index& i) {
      const double sum = sum_of(scores(form, in, i));
      return sum == 0 ? 0 : std::log(sum);
    });
    return with_lse ? std::vector{std::move(y), std::move(lse)} : std::vector{std::move(y)};
  };
}

// dq, dk and dv of inputs q, k, v, bias, y, lse, dy.
ClosedForm gradient(const Form& form) {
  return [form](const std::vector<HostTensor>& in) {
    const Shape& q = in[0].shape;
    std::vector<HostTensor> made = {generate(q, [](const Index&) { return 0; }),
                                    generate(in[1].shape, [](const Index&) { return 0; }),
                                    generate(in[2].shape, [](const Index&) { return 0; })};
    const std::int64_t keys = in[2].shape[2], values = in[2].shape[3], size = q[3];
    for (std::int64_t row = 0; row < q.count(0, 3); ++row) {
      const Index i = coordinates({q[0], q[1], q[2]}, row);
      const std::int64_t head = row / q[2];
      const std::vector<double> all = scores(form, in, i);
      double through = 0;
      for (std::int64_t e = 0; e < values; ++e) {
        through += in[6][row * values + e] * in[4][row * values + e];
      }
      for (std::int64_t key = 0; key < keys; ++key) {
        const double p = std::exp(all[static_cast<std::size_t>(key)] - in[5][row]);
        double dp = -through;
        for (std::int64_t e = 0; e < values; ++e) {
          const std::int64_t at_value = (head * keys + key) * values + e;
          dp += in[6][row * values + e] * in[2][at_value];
          made[2][at_value] += p * in[6][row * values + e];
        }
        for (std::int64_t d = 0; d < size; ++d) {
          const std::int64_t at_key =
              form.turned ? (head * size + d) * keys + key : (head * keys + key) * size + d;
          made[0][row * size + d] += form.scale * p * dp * in[1][at_key];
          made[1][at_key] += form.scale * p * dp * in[0][row * size + d];
        }
      }
    }
    return made;
  };
}

OpCase forward_case(const Form& form, const Sizes& s, OpInput bias, const char* label) {
  OpCase made{.op = "FusedAttention",
              .attrs = form.attrs(),
              .inputs = {random(s.q(), -1, 1), random(s.k(form.turned), -1, 1),
                         random(s.v(), -1, 1), std::move(bias)},
              .outputs = 1,
              .differentiate = {0, 1, 2},
              .expected = attention(form, false),
              .label = label};
  return made;
}

OpCase gradient_case(const Form& form, const Sizes& s, OpInput bias, const char* label) {
  return {.op = "FusedAttentionGrad",
          .attrs = form.attrs(),
          .inputs = {random(s.q(), -1, 1), random(s.k(form.turned), -1, 1), random(s.v(), -1, 1),
                     std::move(bias), random(s.y(), -1, 1), random(s.rows(), 5, 6),
                     random(s.y(), -1, 1)},
          .outputs = 3,
          .expected = gradient(form),
          .label = label};
}

}  // namespace

void add_fused_attention_cases(std::vector<OpCase>& cases) {
  const Sizes small, long_ones{1, 2, 150, 261, 16, 40};
  const Form plain, causal{true}, turned{false, true}, hiding{false, false, true};
  const OpInput hidden = values(
      {1, 1, 3, 5}, {0, -kInf, 0.5, 0, 0, -kInf, -kInf, -kInf, -kInf, -kInf, 1, 0, -kInf, 0, 0});
  cases.push_back(forward_case(plain, small, missing(), "plain"));
  OpCase sums = forward_case(causal, small, random({3, 5}, -1, 1), "sums");
  sums.outputs = 2;
  sums.expected = attention(causal, true);
  sums.differentiate = {};
  cases.push_back(sums);
  sums.differentiate = {0, 1, 2};
  sums.dtypes = {DType::kFloat64};  // in 16 bits the sums have another type than the output
  sums.label = "gradient_of_sums";
  cases.push_back(sums);
  cases.push_back(forward_case(causal, {2, 1, 4, 4, 3, 3}, missing(), "causal"));
  cases.push_back(forward_case({true}, {1, 2, 5, 3, 2, 2}, missing(), "causal_few_keys"));
  cases.push_back(forward_case(turned, small, random({3, 5}, -1, 1), "turned"));
  cases.push_back(forward_case(hiding, small, hidden, "hidden_rows"));
  OpCase biased = forward_case(plain, small, random({2, 1, 1, 5}, -1, 1), "bias_of_keys");
  biased.differentiate = {0, 1, 2, 3};
  cases.push_back(biased);
  cases.push_back(forward_case(plain, small, random({1, 2, 3, 1}, -1, 1), "bias_of_queries"));
  for (const auto& [form, label] :
       {std::pair{plain, "blocks"}, {causal, "causal_blocks"}, {turned, "turned_blocks"}}) {
    OpCase large = forward_case(form, long_ones, missing(), label);
    large.differentiate = {};
    cases.push_back(large);
    cases.push_back(gradient_case(form, {1, 2, 150, 261, 16, 24}, missing(), label));
  }
  cases.push_back(gradient_case(plain, small, random({2, 2, 3, 5}, -1, 1), "bias"));
  cases.push_back(gradient_case(hiding, small, hidden, "hidden_rows"));
  cases.push_back(gradient_case({true, true}, small, missing(), "turned_causal"));
}

}  // namespace temper::op_suite
