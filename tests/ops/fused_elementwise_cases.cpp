// Cases of chains of elementwise ops as one.
#include <cmath>

#include "runtime/base/concat.h"
#include "runtime/base/expression.h"
#include "tests/ops/closed_form.h"
#include "tests/ops/families.h"

namespace temper::op_suite {
namespace {

// A program with the attributes of FusedElementwise.
Attrs program(int inputs, std::vector<Instruction> code, std::vector<int> results) {
  Attrs attrs;
  set_expression(attrs, {inputs, std::move(code), std::move(results)});
  return attrs;
}

}  // namespace

std::vector<OpCase> fused_elementwise_cases() {
  std::vector<OpCase> cases;
  using F = Functor;
  const std::vector<std::vector<Shape>> shapes = {{{2, 3, 700}, {2, 3, 700}, {700}},
                                                  {{5}, {5}, {5}},
                                                  {{3, 40}, {3, 1}, {40}},
                                                  {{2, 6, 5, 5}, {6, 1, 1}, {}},
                                                  {{1, 4}, {3000, 1}, {1, 1}}};
  for (const std::vector<Shape>& s : shapes) {
    // y = sigmoid(a * b) * a + 3, z = y - c, both given
    cases.push_back({.op = "FusedElementwise",
                     .attrs = program(3,
                                      {{{F::kMul}, {0, 1, -1}},
                                       {{F::kSigmoid}, {3, -1, -1}},
                                       {{F::kMul}, {4, 0, -1}},
                                       {{F::kConstant, 3}, {-1, -1, -1}},
                                       {{F::kAdd}, {5, 6, -1}},
                                       {{F::kSub}, {7, 2, -1}}},
                                      {7, 8}),
                     .inputs = {random(s[0]), random(s[1]), random(s[2])},
                     .outputs = 2,
                     .expected =
                         [](const std::vector<HostTensor>& x) {
                           const Shape shape = graph::broadcast(
                               graph::broadcast(x[0].shape, x[1].shape), x[2].shape);
                           const auto y = [&](const auto& i) {
                             return at(x[0], i) / (1 + std::exp(-at(x[0], i) * at(x[1], i))) + 3;
                           };
                           return std::vector{
                               generate(shape, y),
                               generate(shape, [&](const auto& i) { return y(i) - at(x[2], i); })};
                         },
                     .label = concat("swish", s[1].rank(), s[2].rank())});
    // Truth given, read and used inside: y = (a < b or c) ? a : b
    cases.push_back(
        {.op = "FusedElementwise",
         .attrs = program(
             3, {{{F::kLess}, {0, 1, -1}}, {{F::kOr}, {3, 2, -1}}, {{F::kWhere}, {4, 0, 1}}},
             {4, 5}),
         .inputs = {random(s[0]), random(s[1]), random(s[2]).of(DType::kBool)},
         .outputs = 2,
         .expected =
             [](const std::vector<HostTensor>& x) {
               const Shape shape =
                   graph::broadcast(graph::broadcast(x[0].shape, x[1].shape), x[2].shape);
               const auto chosen = [&](const auto& i) {
                 return at(x[0], i) < at(x[1], i) || at(x[2], i) != 0;
               };
               return std::vector{generate(shape, [&](const auto& i) { return double(chosen(i)); }),
                                  generate(shape, [&](const auto& i) {
                                    return chosen(i) ? at(x[0], i) : at(x[1], i);
                                  })};
             },
         .label = concat("choice", s[1].rank(), s[2].rank())});
  }
  return cases;
}

}  // namespace temper::op_suite
