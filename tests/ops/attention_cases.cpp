// Cases of Attention and RotaryEmbedding, by their definitions.
#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/ops/closed_form.h"
#include "tests/ops/reduction_cases.h"

namespace temper::op_suite {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr std::int64_t kOn = 1;
using Index = std::vector<std::int64_t>;

// Q, K and V of rank 4; their inputs beyond are read by number.
struct Form {
  bool causal = false;
  std::int64_t left = -1, right = -1;
  double softcap = 0;
  double scale = 0;  // 0: the default
  int mode = 0;
};

struct Problem {
  const std::vector<HostTensor>& in;
  const Form& form;
  std::int64_t batch = in[0].shape[0], heads = in[0].shape[1], queries = in[0].shape[2],
               size = in[0].shape[3];
  std::int64_t group = heads / in[1].shape[1];
  std::int64_t past = in.size() > 4 && !in[4].values.empty() ? in[4].shape[2] : 0;
  std::int64_t total = past + in[1].shape[2];

  double cached(int now, std::int64_t n, std::int64_t h, std::int64_t key, std::int64_t d) const {
    const auto at_past = static_cast<std::size_t>(now + 3);
    return key < past ? at(in[at_past], {n, h, key, d})
                      : at(in[static_cast<std::size_t>(now)], {n, h, key - past, d});
  }
  double raw(const Index& i, std::int64_t key) const {
    double sum = 0;
    for (std::int64_t d = 0; d < size; ++d) {
      sum += at(in[0], {i[0], i[1], i[2], d}) * cached(1, i[0], i[1] / group, key, d);
    }
    return sum * (form.scale == 0 ? 1 / std::sqrt(static_cast<double>(size)) : form.scale);
  }
  double capped(const Index& i, std::int64_t key) const {
    const double value = raw(i, key);
    return form.softcap == 0 ? value : form.softcap * std::tanh(value / form.softcap);
  }
  // `is_bool`: whether the mask says what is attended to.
  double bias(const Index& i, std::int64_t key, bool is_bool) const {
    const bool lengths = in.size() > 6;
    const std::int64_t length = lengths ? static_cast<std::int64_t>(in[6][i[0]]) : total;
    const std::int64_t place = i[2] + (lengths ? length - queries : past);
    if (key >= length || (form.causal && key > place) ||
        (form.left >= 0 && key < place - form.left) ||
        (form.right >= 0 && key > place + form.right)) {
      return -kInf;
    }
    if (in.size() <= 3 || in[3].values.empty()) {
      return 0;
    }
    if (key >= in[3].shape[in[3].shape.rank() - 1]) {
      return -kInf;
    }
    const double mask = at(in[3], {i[0], i[1], i[2], key});
    return !is_bool ? mask : mask != 0 ? 0 : -kInf;
  }
  // The softmax, all 0 where there is no key.
  std::vector<double> shares(const Index& i, bool is_bool) const {
    std::vector<double> made;
    double sum = 0;
    for (std::int64_t key = 0; key < total; ++key) {
      made.push_back(std::exp(capped(i, key) + bias(i, key, is_bool)));
      sum += made.back();
    }
    for (double& share : made) {
      share = sum == 0 ? 0 : share / sum;
    }
    return made;
  }
};

ClosedForm attention(Form form, bool is_bool) {
  return [=](const std::vector<HostTensor>& in) {
    const Problem p{in, form};
    const std::int64_t values = in[2].shape[3];
    const Shape scores{p.batch, p.heads, p.queries, p.total};
    const HostTensor y = generate({p.batch, p.heads, p.queries, values}, [&](const Index& i) {
      const std::vector<double> shares = p.shares(i, is_bool);
      double sum = 0;
      for (std::int64_t key = 0; key < p.total; ++key) {
        sum += shares[static_cast<std::size_t>(key)] * p.cached(2, i[0], i[1] / p.group, key, i[3]);
      }
      return sum;
    });
    const auto present = [&](int now, std::int64_t width) {
      return generate({p.batch, in[1].shape[1], p.total, width},
                      [&](const Index& i) { return p.cached(now, i[0], i[1], i[2], i[3]); });
    };
    const HostTensor shown = generate(scores, [&](const Index& i) {
      switch (form.mode) {
        case 0:
          return p.raw(i, i[3]);
        case 1:
          return p.capped(i, i[3]);
        case 2:
          return p.capped(i, i[3]) + p.bias(i, i[3], is_bool);
        default:
          return p.shares(i, is_bool)[static_cast<std::size_t>(i[3])];
      }
    });
    return std::vector{y, present(1, p.size), present(2, values), shown};
  };
}

OpCase attention_case(std::vector<OpInput> inputs, Attrs attrs, const Form& form, bool is_bool,
                      std::string label) {
  OpCase made{.op = "Attention", .attrs = std::move(attrs), .inputs = std::move(inputs)};
  made.outputs = 4;
  made.differentiate = {0, 1, 2};
  made.expected = attention(form, is_bool);
  made.label = std::move(label);
  made.tolerance_factor = 8;
  made.tolerance_reason = "in 16 bits the products are rounded before the softmax";
  return made;
}

std::vector<OpInput> operands(std::int64_t heads, std::int64_t kv_heads, std::int64_t queries,
                              std::int64_t keys) {
  return {random({2, heads, queries, 4}, -1, 1), random({2, kv_heads, keys, 4}, -1, 1),
          random({2, kv_heads, keys, 3}, -1, 1)};
}

std::vector<OpInput> with(std::vector<OpInput> inputs, std::vector<OpInput> more) {
  inputs.insert(inputs.end(), more.begin(), more.end());
  return inputs;
}

void add_attention(std::vector<OpCase>& cases) {
  cases.push_back(attention_case(operands(2, 2, 3, 5), {}, {}, false, "plain"));
  cases.push_back(attention_case(operands(4, 2, 3, 3), {{"is_causal", kOn}, {"scale", 0.7}},
                                 {.causal = true, .scale = 0.7}, false, "grouped_causal"));
  for (const std::int64_t mode : {0, 1, 2, 3}) {
    const OpInput mask = random({3, 4}, -1, 1);
    OpCase masked = attention_case(
        with(operands(2, 1, 3, 4), {mask}), {{"softcap", 1.5}, {"qk_matmul_output_mode", mode}},
        {.softcap = 1.5, .mode = static_cast<int>(mode)}, false, "float_mask");
    masked.differentiate = {0, 1, 2, 3};
    cases.push_back(masked);
  }
  // The second query attends to nothing, and the mask does not speak of the last key.
  const OpInput flags = values({3, 3}, {1, 0, 1, 0, 0, 0, 1, 1, 1}).of(DType::kBool);
  cases.push_back(attention_case(with(operands(2, 2, 3, 4), {flags}), {}, {}, true, "bool_mask"));
  const std::vector<OpInput> cache = {missing(), random({2, 2, 2, 4}, -1, 1),
                                      random({2, 2, 2, 3}, -1, 1)};
  OpCase cached = attention_case(with(operands(2, 2, 3, 3), cache), {{"is_causal", kOn}},
                                 {.causal = true}, false, "cache");
  cached.differentiate = {0, 1, 2, 4, 5};
  cases.push_back(cached);
  const std::vector<OpInput> lengths = {missing(), missing(), missing(),
                                        values({2}, {2, 5}).of(DType::kInt64)};
  cases.push_back(attention_case(with(operands(2, 2, 3, 5), lengths), {{"is_causal", kOn}},
                                 {.causal = true}, false, "lengths"));
  cases.push_back(attention_case(
      operands(2, 2, 5, 6), {{"left_window_size", std::int64_t{2}}, {"right_window_size", kOn}},
      {.left = 2, .right = 1}, false, "window"));
  // The same numbers in the form of rank 3.
  OpCase flat{
      .op = "Attention",
      .attrs = {{"q_num_heads", std::int64_t{2}}, {"kv_num_heads", kOn}},
      .inputs = {random({2, 3, 8}, -1, 1), random({2, 4, 4}, -1, 1), random({2, 4, 3}, -1, 1)}};
  flat.differentiate = {0, 1, 2};
  flat.label = "rank_3";
  flat.expected = [](const std::vector<HostTensor>& in) {
    const auto split = [](const HostTensor& x, std::int64_t heads) {
      const std::int64_t size = x.shape[2] / heads;
      return generate({x.shape[0], heads, x.shape[1], size},
                      [&](const Index& i) { return at(x, {i[0], i[2], i[1] * size + i[3]}); });
    };
    const HostTensor y =
        attention({}, false)({split(in[0], 2), split(in[1], 1), split(in[2], 1)}).front();
    return std::vector{generate(
        {2, 3, 6}, [&](const Index& i) { return at(y, {i[0], i[2] / 3, i[1], i[2] % 3}); })};
  };
  flat.tolerance_factor = 8;
  flat.tolerance_reason = "in 16 bits the products are rounded before the softmax";
  cases.push_back(flat);
}

// x [batch, heads, sequence, size]; caches [batch, sequence, rotated / 2] or, with positions, rows.
ClosedForm rotary(bool interleaved) {
  return [interleaved](const std::vector<HostTensor>& in) {
    return std::vector{generate(in[0].shape, [&](const Index& i) {
      const std::int64_t half = in[1].shape[in[1].shape.rank() - 1];
      if (i[3] >= 2 * half) {
        return at(in[0], i);
      }
      const std::int64_t pair = interleaved ? i[3] / 2 : i[3] % half;
      const bool second = interleaved ? i[3] % 2 == 1 : i[3] >= half;
      Index x1 = i, x2 = i;
      x1[3] = interleaved ? 2 * pair : pair;
      x2[3] = interleaved ? 2 * pair + 1 : pair + half;
      const auto angle = [&](const HostTensor& cache) {
        return in.size() > 3 ? at(cache, {static_cast<std::int64_t>(at(in[3], {i[0], i[2]})), pair})
                             : at(cache, {i[0], i[2], pair});
      };
      const double cosine = angle(in[1]), sine = angle(in[2]);
      return second ? sine * at(in[0], x1) + cosine * at(in[0], x2)
                    : cosine * at(in[0], x1) - sine * at(in[0], x2);
    })};
  };
}

void add_rotary(std::vector<OpCase>& cases) {
  for (const std::int64_t interleaved : {0, 1}) {
    for (const std::int64_t rotated : {0, 4}) {
      const std::int64_t half = rotated == 0 ? 3 : 2;
      const Attrs attrs{{"interleaved", interleaved}, {"rotary_embedding_dim", rotated}};
      cases.push_back({.op = "RotaryEmbedding",
                       .attrs = attrs,
                       .inputs = {random({2, 2, 3, 6}), random({2, 3, half}), random({2, 3, half})},
                       .differentiate = {0, 1, 2},
                       .expected = rotary(interleaved != 0)});
      const OpInput positions = values({2, 3}, {0, 4, 2, 2, 1, 3}).of(DType::kInt64);
      cases.push_back(
          {.op = "RotaryEmbedding",
           .attrs = attrs,
           .inputs = {random({2, 2, 3, 6}), random({5, half}), random({5, half}), positions},
           .differentiate = {0, 1, 2},
           .expected = rotary(interleaved != 0),
           .label = "positions"});
    }
  }
  cases.push_back({.op = "RotaryEmbedding",
                   .attrs = {{"num_heads", std::int64_t{2}}},
                   .inputs = {values({1, 1, 4}, {1, 2, 3, 4}), values({1, 1, 1}, {0.5}),
                              values({1, 1, 1}, {2})},
                   .differentiate = {0},
                   .expected = given({1, 1, 4}, {-3.5, 3, -6.5, 8}),
                   .label = "rank_3"});
}

}  // namespace

void add_attention_cases(std::vector<OpCase>& cases) {
  add_attention(cases);
  add_rotary(cases);
}

}  // namespace temper::op_suite
