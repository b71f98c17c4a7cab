// Cases of FusedAttention and of its gradient op, by their definitions: small ones against central
// differences, and some of several blocks of queries and keys.
#include <algorithm>
#include <cmath>
#include <limits>

#include "backends/common/philox.h"
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
  double ratio = 0;  // of the shares that are dropped
  std::int64_t position = 3;

  Attrs attrs() const {
    Attrs made{{"scale", scale},
               {"causal", std::int64_t{causal ? 1 : 0}},
               {"k_transposed", std::int64_t{turned ? 1 : 0}},
               {"zero_rows", std::int64_t{zero_rows ? 1 : 0}}};
    if (ratio > 0) {
      made.set("ratio", ratio);
      made.set("seed", std::int64_t{42});
      made.set("random_id", std::int64_t{7});
    }
    return made;
  }
  OpInput position_input() const {
    return ratio > 0 ? values({}, {static_cast<double>(position)}).of(DType::kInt64) : missing();
  }
};

// By what the share of a key is multiplied, as DropoutTrain does with the shares of a batch.
double kept(const Form& form, const std::vector<HostTensor>& in, const Index& i, std::int64_t key) {
  if (form.ratio == 0) {
    return 1;
  }
  const Shape shares{in[0].shape[0], in[0].shape[1], in[0].shape[2], in[2].shape[2]};
  const std::int64_t element = ((i[0] * shares[1] + i[1]) * shares[2] + i[2]) * shares[3] + key;
  const auto number = static_cast<std::uint64_t>(form.position * shares.count(1, 4) + element);
  const PhiloxBlock block =
      philox4x32_10({static_cast<std::uint32_t>(number / 4), 0, 0, 0}, {42, 7});
  const double uniform = std::floor(block[number % 4] / 256.0) / (1 << 24);
  return uniform >= form.ratio ? 1 / (1 - form.ratio) : 0;
}

// The element that a bias of this shape has for a score.
std::int64_t bias_element(const Shape& shape, const Index& i, std::int64_t key) {
  const Index all = {i[0], i[1], i[2], key};
  std::int64_t at = 0;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const std::int64_t size = shape[axis];
    at = at * size + (size == 1 ? 0 : all[static_cast<std::size_t>(4 - shape.rank() + axis)]);
  }
  return at;
}

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
        made += std::exp(all[static_cast<std::size_t>(key)]) * kept(form, in, i, key) *
                at(in[2], {i[0], i[1], key, i[3]});
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

// dq, dk, dv and dbias of inputs q, k, v, bias, position, y, lse, dy.
ClosedForm gradient(const Form& form) {
  return [form](const std::vector<HostTensor>& in) {
    const Shape& q = in[0].shape;
    std::vector<HostTensor> made = {generate(q, [](const Index&) { return 0; }),
                                    generate(in[1].shape, [](const Index&) { return 0; }),
                                    generate(in[2].shape, [](const Index&) { return 0; })};
    if (!in[3].values.empty()) {
      made.push_back(generate(in[3].shape, [](const Index&) { return 0; }));
    }
    const std::int64_t keys = in[2].shape[2], values = in[2].shape[3], size = q[3];
    for (std::int64_t row = 0; row < q.count(0, 3); ++row) {
      const Index i = coordinates({q[0], q[1], q[2]}, row);
      const std::int64_t head = row / q[2];
      const std::vector<double> all = scores(form, in, i);
      double through = 0;
      for (std::int64_t e = 0; e < values; ++e) {
        through += in[7][row * values + e] * in[5][row * values + e];
      }
      for (std::int64_t key = 0; key < keys; ++key) {
        const double p = std::exp(all[static_cast<std::size_t>(key)] - in[6][row]);
        const double factor = kept(form, in, i, key);
        double dp = -through;
        for (std::int64_t e = 0; e < values; ++e) {
          const std::int64_t at_value = (head * keys + key) * values + e;
          dp += factor * in[7][row * values + e] * in[2][at_value];
          made[2][at_value] += p * factor * in[7][row * values + e];
        }
        if (made.size() > 3) {
          made[3][bias_element(in[3].shape, i, key)] += p * dp;
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
                         random(s.v(), -1, 1), std::move(bias), form.position_input()},
              .outputs = 1,
              .differentiate = {0, 1, 2},
              .expected = attention(form, false),
              .label = label};
  return made;
}

OpCase gradient_case(const Form& form, const Sizes& s, OpInput bias, const char* label) {
  const int outputs = bias.is_missing ? 3 : 4;
  return {.op = "FusedAttentionGrad",
          .attrs = form.attrs(),
          .inputs = {random(s.q(), -1, 1), random(s.k(form.turned), -1, 1), random(s.v(), -1, 1),
                     std::move(bias), form.position_input(), random(s.y(), -1, 1),
                     random(s.rows(), 5, 6), random(s.y(), -1, 1)},
          .outputs = outputs,
          .expected = gradient(form),
          .label = label};
}

}  // namespace

static void add_dropping_cases(std::vector<OpCase>& cases, const Sizes& small) {
  Form dropping;
  dropping.ratio = 0.4;
  cases.push_back(forward_case(dropping, small, missing(), "dropping"));
  OpCase trained = forward_case(dropping, small, random({2, 3, 5}, -1, 1), "dropping_with_bias");
  trained.differentiate = {0, 1, 2, 3};
  cases.push_back(trained);
  cases.push_back(gradient_case(dropping, small, random({2, 3, 5}, -1, 1), "dropping"));
  const Sizes blocks{1, 2, 70, 141, 6, 4};
  OpCase large = forward_case(dropping, blocks, missing(), "dropping_blocks");
  large.differentiate = {};
  cases.push_back(large);
  cases.push_back(gradient_case(dropping, blocks, missing(), "dropping_blocks"));
}

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
  cases.push_back(gradient_case(turned, small, random({2, 3, 5}, -1, 1), "bias_of_heads"));
  cases.push_back(
      gradient_case(causal, {3, 2, 70, 135, 3, 2}, random({70, 135}, -1, 1), "bias_of_all"));
  cases.push_back(gradient_case(plain, small, random({2, 1, 3, 1}, -1, 1), "bias_of_rows"));
  for (const Shape& shape : {Shape{1, 2, 3, 5}, Shape{3, 5}, Shape{2, 3, 1}}) {
    OpCase trained = forward_case(causal, small, random(shape, -1, 1), "trained_bias");
    trained.differentiate = {0, 1, 2, 3};
    cases.push_back(trained);
  }
  add_dropping_cases(cases, small);
  cases.push_back(gradient_case({true, true}, small, missing(), "turned_causal"));
}

}  // namespace temper::op_suite
