// Cases of chains of elementwise ops as one.
#include <cmath>

#include "runtime/base/concat.h"
#include "runtime/base/expression.h"
#include "runtime/base/float16.h"
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

double rounded_to(DType type, double x) {
  const auto narrow = static_cast<float>(x);
  return type == DType::kFloat16 ? Float16::to_float(Float16::from_float(narrow))
                                 : static_cast<double>(static_cast<float>(BFloat16(narrow)));
}

// Of a and b in 16 bits and c in f32: y = the product as 16 bits hold it, and c; z = y, in the type
// that is named. The product is exact in f32, so that a rounding that is not done is seen.
OpCase mixed_case(const std::vector<Shape>& s, DType low, DType made, double scale) {
  using F = Functor;
  OpCase op_case{
      .op = "FusedElementwise",
      .attrs =
          program(3,
                  {{{F::kMul}, {0, 1, -1}},
                   {{low == DType::kFloat16 ? F::kRoundFloat16 : F::kRoundBFloat16}, {3, -1, -1}},
                   {{F::kAdd}, {4, 2, -1}}},
                  {5}),
      .inputs = {random(s[0]).of(low), random(s[1], -scale, scale).of(low),
                 random(s[2], -scale, scale).of(DType::kFloat32)},
      .expected =
          [low](const std::vector<HostTensor>& x) {
            const Shape shape =
                graph::broadcast(graph::broadcast(x[0].shape, x[1].shape), x[2].shape);
            return std::vector{generate(shape, [&](const auto& i) {
              return rounded_to(low, at(x[0], i) * at(x[1], i)) + at(x[2], i);
            })};
          },
      .dtypes = {DType::kFloat32},
      .label = concat(low, "_to_", made, s[1].rank(), s[2].rank(), scale < 1 ? "_small" : "")};
  op_case.attrs.set("to", std::string(to_string(made)));
  return op_case;
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
    for (const DType low : {DType::kFloat16, DType::kBFloat16}) {
      cases.push_back(mixed_case(s, low, DType::kFloat32, 2));
      cases.push_back(mixed_case(s, low, low, 2));
      cases.push_back(mixed_case(s, low, DType::kFloat32, 1e-5));  // subnormal in f16
    }
  }
  return cases;
}

}  // namespace temper::op_suite
