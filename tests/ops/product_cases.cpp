// Cases of Einsum and Det, of LpPool and GlobalLpPool, and of NegativeLogLikelihoodLoss.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "runtime/base/concat.h"
#include "tests/ops/closed_form.h"
#include "tests/ops/reduction_cases.h"

namespace temper::op_suite {
namespace {

using Index = std::vector<std::int64_t>;
using Ints = std::vector<std::int64_t>;

// By the definition, over all values of all indices; letters only, output named.
ClosedForm einsum(const std::string& equation) {
  return [equation](const std::vector<HostTensor>& in) {
    std::vector<std::string> terms(1);
    for (const char letter : equation) {
      if (letter == ',' || letter == '>') {
        terms.emplace_back();
      } else if (letter != '-') {
        terms.back() += letter;
      }
    }
    std::map<char, std::int64_t> sizes;
    for (std::size_t k = 0; k < in.size(); ++k) {
      for (std::size_t axis = 0; axis < terms[k].size(); ++axis) {
        std::int64_t& size = sizes.try_emplace(terms[k][axis], 1).first->second;
        size = std::max(size, in[k].shape[static_cast<int>(axis)]);
      }
    }
    Shape all, output;
    std::map<char, std::size_t> place;
    for (const auto& [letter, size] : sizes) {
      place[letter] = static_cast<std::size_t>(all.rank());
      all.push_back(size);
    }
    for (const char letter : terms.back()) {
      output.push_back(sizes.at(letter));
    }
    const auto of = [&](const std::string& term, const Index& i) {
      Index index;
      for (const char letter : term) {
        index.push_back(i[place.at(letter)]);
      }
      return index;
    };
    HostTensor y = generate(output, [](const Index&) { return 0.0; });
    const Shape strides = row_major_strides(output);
    for (std::int64_t n = 0; n < all.element_count(); ++n) {
      const Index i = coordinates(all, n);
      double product = 1;
      for (std::size_t k = 0; k < in.size(); ++k) {
        product *= at(in[k], of(terms[k], i));
      }
      std::int64_t position = 0;
      const Index target = of(terms.back(), i);
      for (std::size_t axis = 0; axis < target.size(); ++axis) {
        position += target[axis] * strides[static_cast<int>(axis)];
      }
      y[position] += product;
    }
    return std::vector{y};
  };
}

void add_einsum(std::vector<OpCase>& cases) {
  struct Row {
    const char* equation;
    const char* plain;  // what the closed form reads
    std::vector<Shape> shapes;
  };
  const std::vector<Row> rows = {
      {"ij->ji", "ij->ji", {{2, 3}}},
      {"ij", "ij->ij", {{2, 3}}},
      {"ji", "ji->ij", {{2, 3}}},
      {"ij->", "ij->", {{2, 3}}},
      {"ii->i", "ii->i", {{3, 3}}},
      {"ii", "ii->", {{3, 3}}},
      {"...ii ->...i", "aii->ai", {{2, 3, 3}}},
      {"i,i", "i,i->", {{4}, {4}}},
      {"i,j->ji", "i,j->ji", {{4}, {3}}},
      {"ij, jk -> ik", "ij,jk->ik", {{2, 3}, {3, 4}}},
      {"bij,bjk->bik", "bij,bjk->bik", {{2, 2, 3}, {2, 3, 4}}},
      {"bhqd,bhkd->bhqk", "bhqd,bhkd->bhqk", {{2, 2, 3, 4}, {2, 2, 2, 4}}},
      {"...ij,...jk", "abij,bjk->abik", {{2, 2, 2, 3}, {2, 3, 2}}},
      {"ab,cd,ef->fdb", "ab,cd,ef->fdb", {{2, 2}, {2, 3}, {1, 2}}},
      {"ij,jk,kl->il", "ij,jk,kl->il", {{2, 3}, {3, 2}, {2, 4}}},
      {"ij,ij,ij->i", "ij,ij,ij->i", {{2, 3}, {2, 3}, {2, 3}}},
      {"ij,ij->j", "ij,ij->j", {{1, 3}, {2, 3}}},
      {"ij,jk->ik", "ij,jk->ik", {{2, 1}, {3, 4}}},
      {",i->i", ",i->i", {{}, {3}}}};
  for (const Row& row : rows) {
    OpCase made{.op = "Einsum", .attrs = {{"equation", std::string(row.equation)}}};
    for (std::size_t k = 0; k < row.shapes.size(); ++k) {
      made.inputs.push_back(random(row.shapes[k]));
      made.differentiate.push_back(static_cast<int>(k));
    }
    made.expected = einsum(row.plain);
    made.tolerance_factor = 4;
    made.tolerance_reason = "in 16 bits the product of two operands is rounded before the next";
    cases.push_back(made);
  }
  cases.push_back({.op = "Einsum",
                   .attrs = {{"equation", std::string("ij,jk->ki")}},
                   .inputs = {values({2, 2}, {1, 2, 3, 4}), values({2, 2}, {5, 6, 7, 8})},
                   .expected = given({2, 2}, {19, 43, 22, 50}),
                   .dtypes = {DType::kInt32, DType::kInt64, DType::kUInt8},
                   .label = "integers"});
}

double laplace(const HostTensor& x, std::int64_t first, const Index& columns) {
  if (columns.empty()) {
    return 1;
  }
  const std::int64_t n = x.shape[x.shape.rank() - 1];
  const std::int64_t row = n - static_cast<std::int64_t>(columns.size());
  double sum = 0;
  for (std::size_t k = 0; k < columns.size(); ++k) {
    Index rest = columns;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(k));
    sum += (k % 2 == 0 ? 1 : -1) * x[first + row * n + columns[k]] * laplace(x, first, rest);
  }
  return sum;
}

void add_det(std::vector<OpCase>& cases) {
  const auto form = [](const std::vector<HostTensor>& in) {
    const Shape& x = in[0].shape;
    const std::int64_t n = x[x.rank() - 1];
    Shape output;
    for (int axis = 0; axis < x.rank() - 2; ++axis) {
      output.push_back(x[axis]);
    }
    Index columns;
    for (std::int64_t k = 0; k < n; ++k) {
      columns.push_back(k);
    }
    HostTensor y{output, {}};
    for (std::int64_t i = 0; i < output.element_count(); ++i) {
      y.values.push_back(laplace(in[0], i * n * n, columns));
    }
    return std::vector{y};
  };
  for (const Shape& x :
       {Shape{1, 1}, Shape{2, 2}, Shape{2, 3, 3}, Shape{2, 1, 4, 4}, Shape{5, 5}, Shape{0, 2, 2}}) {
    cases.push_back({.op = "Det", .inputs = {random(x)}, .differentiate = {0}, .expected = form});
  }
  cases.push_back({.op = "Det",
                   .inputs = {values({3, 3}, {1, 2, 3, 2, 4, 6, 1, 0, 1})},
                   .differentiate = {0},
                   .expected = given({}, {0}),
                   .label = "singular"});
}

struct PoolRow {
  Shape x;
  Ints kernel, strides, pads, dilations;
  bool ceil_mode;
  Shape y;
};

ClosedForm lp_pool(const PoolRow& row, int p) {
  return [row, p](const std::vector<HostTensor>& in) {
    return std::vector{generate(row.y, [&](const Index& i) {
      double sum = 0;
      Shape window(row.kernel);
      for (std::int64_t k = 0; k < window.element_count(); ++k) {
        const Index tap = coordinates(window, k);
        Index from = i;
        bool inside = true;
        for (std::size_t d = 0; d < tap.size(); ++d) {
          from[d + 2] = i[d + 2] * row.strides[d] + tap[d] * row.dilations[d] - row.pads[d];
          inside = inside && from[d + 2] >= 0 && from[d + 2] < row.x[static_cast<int>(d) + 2];
        }
        sum += inside ? std::pow(std::abs(at(in[0], from)), p) : 0;
      }
      return std::pow(sum, 1.0 / p);
    })};
  };
}

void add_lp_pool(std::vector<OpCase>& cases) {
  const std::vector<PoolRow> rows = {
      {{2, 2, 7}, {3}, {2}, {0, 0}, {1}, false, {2, 2, 3}},
      {{1, 2, 6}, {3}, {2}, {1, 0}, {1}, true, {1, 2, 3}},
      {{1, 2, 5, 4}, {2, 3}, {1, 2}, {1, 1, 0, 1}, {2, 1}, false, {1, 2, 4, 2}},
      {{1, 1, 3, 3, 3},
       {2, 2, 2},
       {2, 2, 2},
       {0, 0, 0, 0, 0, 0},
       {1, 1, 1},
       true,
       {1, 1, 2, 2, 2}}};
  for (const PoolRow& row : rows) {
    for (const int p : {1, 2, 3}) {
      cases.push_back({.op = "LpPool",
                       .attrs = {{"p", std::int64_t{p}},
                                 {"kernel_shape", row.kernel},
                                 {"strides", row.strides},
                                 {"pads", row.pads},
                                 {"dilations", row.dilations},
                                 {"ceil_mode", std::int64_t{row.ceil_mode}}},
                       .inputs = {random(row.x).away_from({0})},
                       .differentiate = {0},
                       .expected = lp_pool(row, p),
                       .label = concat("p", p)});
    }
  }
  for (const int p : {1, 2, 3}) {
    PoolRow whole{{2, 3, 2, 4}, {2, 4}, {1, 1}, {0, 0, 0, 0}, {1, 1}, false, {2, 3, 1, 1}};
    cases.push_back({.op = "GlobalLpPool",
                     .attrs = {{"p", std::int64_t{p}}},
                     .inputs = {random(whole.x).away_from({0})},
                     .differentiate = {0},
                     .expected = lp_pool(whole, p),
                     .label = concat("p", p)});
    cases.push_back({.op = "GlobalLpPool",
                     .attrs = {{"p", std::int64_t{p}}},
                     .inputs = {values({1, 1, 2}, {0, 0})},
                     .expected = given({1, 1, 1}, {0}),
                     .label = concat("zero_p", p)});
  }
}

ClosedForm nll_loss(const std::string& reduction, std::int64_t ignored) {
  return [=](const std::vector<HostTensor>& in) {
    double sum = 0, weights = 0;
    const HostTensor losses = generate(in[1].shape, [&](const Index& i) {
      const auto target = static_cast<std::int64_t>(at(in[1], i));
      if (target == ignored) {
        return 0.0;
      }
      Index from = i;
      from.insert(from.begin() + 1, target);
      const double weight = in.size() > 2 ? in[2][target] : 1;
      weights += weight;
      sum -= weight * at(in[0], from);
      return -weight * at(in[0], from);
    });
    return std::vector{
        reduction == "none" ? losses : HostTensor{{}, {reduction == "sum" ? sum : sum / weights}}};
  };
}

void add_nll_loss(std::vector<OpCase>& cases) {
  for (const char* reduction : {"none", "sum", "mean"}) {
    for (const bool weighted : {false, true}) {
      for (const std::int64_t ignored : {-7, 1}) {
        const double marked = static_cast<double>(ignored);
        for (const DType type : {DType::kInt64, DType::kInt32}) {
          std::vector<OpInput> inputs = {random({2, 3, 2}),
                                         values({2, 2}, {0, marked, 2, 2}).of(type)};
          if (weighted) {
            inputs.push_back(random({3}, 0.5, 2));
          }
          cases.push_back(
              {.op = "NegativeLogLikelihoodLoss",
               .attrs = {{"reduction", std::string(reduction)}, {"ignore_index", ignored}},
               .inputs = inputs,
               .differentiate = {0},
               .expected = nll_loss(reduction, ignored)});
        }
      }
    }
    cases.push_back({.op = "NegativeLogLikelihoodLoss",
                     .attrs = {{"reduction", std::string(reduction)}},
                     .inputs = {random({4, 3}), values({4}, {0, 2, 1, 2}).of(DType::kInt64)},
                     .differentiate = {0},
                     .expected = nll_loss(reduction, -1),
                     .label = "plain"});
  }
  const double nan = std::numeric_limits<double>::quiet_NaN();
  cases.push_back({.op = "NegativeLogLikelihoodLoss",
                   .attrs = {{"reduction", std::string("none")}, {"ignore_index", std::int64_t{9}}},
                   .inputs = {values({4, 2}, {-1, -2, -1, -2, -1, -2, -1, -2}),
                              values({4}, {1, 2, -1, 9}).of(DType::kInt64)},
                   .expected = given({4}, {2, nan, nan, 0}),
                   .label = "no_class"});
}

}  // namespace

void add_product_cases(std::vector<OpCase>& cases) {
  add_einsum(cases);
  add_det(cases);
  add_lp_pool(cases);
  add_nll_loss(cases);
}

}  // namespace temper::op_suite
