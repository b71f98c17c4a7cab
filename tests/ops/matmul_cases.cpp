// Cases of MatMul, Gemm and LinearGradWeights.
#include <algorithm>

#include "tests/ops/closed_form.h"
#include "tests/ops/nn_cases.h"

namespace temper::op_suite {
namespace {

using Index = std::vector<std::int64_t>;
constexpr std::int64_t kOn = 1;

// numpy.matmul over coordinates, for the output shape `y`.
ClosedForm matmul_form(const Shape& y, bool relu = false) {
  return [=](const std::vector<HostTensor>& in) {
    HostTensor a = in[0];
    HostTensor b = in[1];
    const bool row = a.shape.rank() == 1;
    const bool column = b.shape.rank() == 1;
    a.shape = row ? Shape{1, a.shape[0]} : a.shape;
    b.shape = column ? Shape{b.shape[0], 1} : b.shape;
    const std::int64_t inner = a.shape[a.shape.rank() - 1];
    return std::vector{generate(y, [&](Index o) {
      if (column) {
        o.push_back(0);
      }
      if (row) {
        o.insert(o.end() - 1, 0);
      }
      Index at_a = o;
      Index at_b = o;
      double sum = 0;
      for (std::int64_t k = 0; k < inner; ++k) {
        at_a.back() = k;
        at_b[at_b.size() - 2] = k;
        sum += at(a, at_a) * at(b, at_b);
      }
      return relu ? std::max(sum, 0.0) : sum;
    })};
  };
}

// `at` takes a dimension of 1 as broadcast, so no case here has an inner dimension of 1 on one side
// only.
ClosedForm gemm_form(double alpha, double beta, bool trans_a, bool trans_b, bool relu = false) {
  return [=](const std::vector<HostTensor>& in) {
    const auto side = [](const HostTensor& m, bool swap, std::int64_t i, std::int64_t j) {
      return swap ? at(m, {j, i}) : at(m, {i, j});
    };
    const std::int64_t rows = in[0].shape[trans_a ? 1 : 0];
    const std::int64_t inner = in[0].shape[trans_a ? 0 : 1];
    return std::vector{generate({rows, in[1].shape[trans_b ? 0 : 1]}, [&](const Index& o) {
      double sum = 0;
      for (std::int64_t k = 0; k < inner; ++k) {
        sum += side(in[0], trans_a, o[0], k) * side(in[1], trans_b, k, o[1]);
      }
      const bool has_c = in.size() > 2 && !in[2].values.empty();
      const double y = alpha * sum + (has_c ? beta * at(in[2], o) : 0);
      return relu ? std::max(y, 0.0) : y;
    })};
  };
}

void add_gemm(std::vector<OpCase>& cases, double alpha, double beta, bool trans_a, bool trans_b,
              std::vector<OpInput> c) {
  OpCase made{.op = "Gemm",
              .attrs = {{"alpha", alpha},
                        {"beta", beta},
                        {"transA", std::int64_t{trans_a}},
                        {"transB", std::int64_t{trans_b}}},
              .inputs = {random(trans_a ? Shape{3, 4} : Shape{4, 3}),
                         random(trans_b ? Shape{5, 3} : Shape{3, 5})},
              .differentiate = {0, 1},
              .expected = gemm_form(alpha, beta, trans_a, trans_b)};
  if (!c.empty()) {
    made.inputs.push_back(c.front());
    made.differentiate.push_back(2);
  }
  cases.push_back(made);
}

// dw and db of `rows` rows of 3 and 5 numbers.
OpCase linear_grad_weights(bool trans_w, std::int64_t rows) {
  return {.op = "LinearGradWeights",
          .attrs = {{"trans_w", std::int64_t{trans_w}}},
          .inputs = {random({rows, 3}), random({rows, 5})},
          .outputs = 2,
          .expected = [=](const std::vector<HostTensor>& in) {
            const auto dw = trans_w ? gemm_form(1, 1, true, false)({in[1], in[0]})
                                    : gemm_form(1, 1, true, false)(in);
            const HostTensor db = generate({5}, [&](const Index& o) {
              double sum = 0;
              for (std::int64_t m = 0; m < rows; ++m) {
                sum += at(in[1], {m, o[0]});
              }
              return sum;
            });
            return std::vector{dw[0], db};
          }};
}

}  // namespace

void add_matmul_cases(std::vector<OpCase>& cases) {
  const auto add = [&](const Shape& a, const Shape& b, const Shape& y) {
    cases.push_back({.op = "MatMul",
                     .inputs = {random(a), random(b)},
                     .differentiate = {0, 1},
                     .expected = matmul_form(y)});
  };
  add({3, 4}, {4, 2}, {3, 2});
  add({17, 33}, {33, 20}, {17, 20});
  add({2, 3, 4}, {4, 5}, {2, 3, 5});
  add({2, 3, 4}, {2, 4, 5}, {2, 3, 5});
  add({3, 4}, {2, 4, 5}, {2, 3, 5});
  add({2, 1, 3, 4}, {3, 4, 2}, {2, 3, 3, 2});
  add({3, 1, 2, 4}, {1, 2, 4, 3}, {3, 2, 2, 3});
  add({4}, {4}, {});
  add({4}, {4, 3}, {3});
  add({3, 4}, {4}, {3});
  add({4}, {2, 4, 3}, {2, 3});
  add({2, 3, 4}, {4}, {2, 3});
  cases.push_back({.op = "MatMul",
                   .inputs = {random({3, 4}, -9, 9), random({4, 2}, -9, 9)},
                   .expected = matmul_form({3, 2}),
                   .dtypes = {DType::kInt32, DType::kInt64}});
  cases.push_back({.op = "MatMul",
                   .attrs = {{"relu", kOn}},
                   .inputs = {random({3, 4}), random({4, 6})},
                   .expected = matmul_form({3, 6}, true)});
  for (const bool trans_a : {false, true}) {
    for (const bool trans_b : {false, true}) {
      add_gemm(cases, 1, 1, trans_a, trans_b, {});
      add_gemm(cases, 1, 1, trans_a, trans_b, {random({5})});
      add_gemm(cases, 0.5, -2, trans_a, trans_b, {random({4, 5})});
    }
  }
  for (const Shape& c : {Shape{}, Shape{1}, Shape{4, 1}, Shape{1, 5}, Shape{4, 5}}) {
    add_gemm(cases, 1, 1, false, true, {random(c)});
  }
  add_gemm(cases, 1, 0.25, false, true, {random({5})});
  cases.push_back({.op = "Gemm",
                   .attrs = {{"transB", kOn}, {"relu", kOn}},
                   .inputs = {random({4, 3}), random({5, 3}), random({5})},
                   .expected = gemm_form(1, 1, false, true, true)});
  cases.push_back({.op = "Gemm",
                   .attrs = {{"alpha", 2.0}},
                   .inputs = {random({4, 3}, -9, 9), random({3, 5}, -9, 9), random({5}, -9, 9)},
                   .expected = gemm_form(2, 1, false, false),
                   .dtypes = {DType::kInt32, DType::kInt64}});
  for (const bool trans_w : {false, true}) {
    OpCase op_case = linear_grad_weights(trans_w, 7);
    cases.push_back(op_case);
    op_case.attrs.set("wide", std::int64_t{1});
    op_case.dtypes = {DType::kFloat16, DType::kBFloat16};
    op_case.label = "wide";
    cases.push_back(std::move(op_case));
    // As many rows as let the weight stay plain on the CPU.
    cases.push_back(linear_grad_weights(trans_w, 257));
  }
}

}  // namespace temper::op_suite
