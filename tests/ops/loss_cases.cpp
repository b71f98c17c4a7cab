// Cases of CrossEntropy with PyTorch's values, and of gradient clipping.
#include <algorithm>
#include <cmath>

#include "runtime/base/concat.h"
#include "tests/ops/closed_form.h"
#include "tests/ops/expected/cross_entropy.h"
#include "tests/ops/families.h"

namespace temper::op_suite {
namespace {

void add_torch_loss(std::vector<OpCase>& cases, const TorchLoss& torch) {
  const bool all_ignored = std::isnan(torch.loss.values.front());
  OpCase loss{
      .op = "CrossEntropy",
      .attrs = torch.attrs,
      .inputs = {torch.logits, torch.labels, torch.weight},
      .outputs = 2,
      .expected =
          [=](const std::vector<HostTensor>&) { return std::vector{torch.loss, torch.log_prob}; },
      .label = torch.label};
  if (!all_ignored && torch.label != "large") {  // no finite difference there
    loss.differentiate = {0};
  }
  OpCase gradient{
      .op = "CrossEntropyGrad",
      .attrs = torch.attrs,
      .inputs = {torch.dloss, values(torch.log_prob.shape, torch.log_prob.values), torch.labels,
                 torch.weight},
      .expected = [=](const std::vector<HostTensor>&) { return std::vector{torch.dlogits}; },
      .label = torch.label};
  if (torch.label == "large") {
    loss.tolerance_factor = 100;
    loss.tolerance_reason = "logits of size 1000 are rounded to float32 before the difference";
  }
  cases.push_back(loss);
  cases.push_back(gradient);
}

double squares(const HostTensor& x) {
  double sum = 0;
  for (const double value : x.values) {
    sum += value * value;
  }
  return sum;
}

double power_sum(const HostTensor& x, double p) {
  double sum = 0;
  for (const double value : x.values) {
    sum += std::pow(std::abs(value), p);
  }
  return sum;
}

// g min(1, |w| / 2 / |g|) of each unit, |x| being the cube root of the sum of cubes.
HostTensor clip_by_unit(const HostTensor& g, const HostTensor& w, std::int64_t axis) {
  const auto unit_of = [&](const std::vector<std::int64_t>& index) {
    return axis < 0 ? std::size_t{0}
                    : static_cast<std::size_t>(index[static_cast<std::size_t>(axis)]);
  };
  std::vector<double> of_g(4, 0.0), of_w(4, 0.0);
  for (std::int64_t i = 0; i < g.count(); ++i) {
    const std::size_t unit = unit_of(coordinates(g.shape, i));
    of_g[unit] += std::pow(std::abs(g[i]), 3);
    of_w[unit] += std::pow(std::abs(w[i]), 3);
  }
  return generate(g.shape, [&](const auto& index) {
    const std::size_t unit = unit_of(index);
    return at(g, index) * std::min(1.0, std::cbrt(of_w[unit]) / 2 / std::cbrt(of_g[unit]));
  });
}

}  // namespace

std::vector<OpCase> loss_cases() {
  std::vector<OpCase> cases;
  for (const TorchLoss& torch : torch_cross_entropy()) {
    add_torch_loss(cases, torch);
  }
  OpCase narrow = cases.front();  // 32-bit labels
  narrow.inputs[1].dtype = DType::kInt32;
  narrow.label = "i32_labels";
  cases.push_back(narrow);
  cases.push_back({.op = "GlobalNorm",
                   .inputs = {random({3, 4}), random({}), random({20000}), random({7})},
                   .expected = [](const std::vector<HostTensor>& in) {
                     const double sum =
                         squares(in[0]) + squares(in[1]) + squares(in[2]) + squares(in[3]);
                     return std::vector{HostTensor{{}, {std::sqrt(sum)}}};
                   }});
  cases.push_back({.op = "GlobalNorm",
                   .attrs = {{"norm_type", 1.0}},
                   .inputs = {random({3, 4}), random({2})},
                   .expected = [](const std::vector<HostTensor>& in) {
                     return std::vector{
                         HostTensor{{}, {power_sum(in[0], 1) + power_sum(in[1], 1)}}};
                   }});
  for (const double norm_type : {2.0, 1.0}) {
    cases.push_back(
        {.op = "GlobalNorm",
         .attrs = {{"norm_type", norm_type}, {"scaled", std::int64_t{1}}},
         .inputs = {random({3, 4}), random({2}), values({}, {0.375})},
         .expected =
             [norm_type](const std::vector<HostTensor>& in) {
               const double sum = power_sum(in[0], norm_type) + power_sum(in[1], norm_type);
               return std::vector{HostTensor{{}, {0.375 * std::pow(sum, 1 / norm_type)}}};
             },
         .label = concat("of_what_is_still_to_be_scaled_p", norm_type)});
  }
  for (const std::int64_t axis : {0, 1, -1}) {
    cases.push_back({.op = "AdaptiveClip",
                     .attrs = {{"axis", axis}, {"clip_factor", 0.5}, {"norm_type", 3.0}},
                     .inputs = {random({4, 3, 2}), random({4, 3, 2})},
                     .expected =
                         [axis](const std::vector<HostTensor>& in) {
                           return std::vector{clip_by_unit(in[0], in[1], axis)};
                         },
                     .label = concat("axis", axis)});
  }
  // torch: clamp(max_norm / (norm + 1e-6), max=1)
  for (const auto& [norm, factor] :
       {std::pair{4.0, 0.5 / 4.000001}, {0.25, 1.0}, {0.0, 1.0}, {0.5, 0.5 / 0.500001}}) {
    cases.push_back({.op = "ClipFactor",
                     .attrs = {{"max_norm", 0.5}},
                     .inputs = {values({}, {norm})},
                     .expected = given({}, {factor}),
                     .label = concat("norm", norm)});
    cases.push_back({.op = "ClipFactor",
                     .attrs = {{"max_norm", 0.5}},
                     .inputs = {values({}, {norm}), values({}, {0.375})},
                     .expected = given({}, {0.375 * factor}),
                     .label = concat("times_a_factor_norm", norm)});
  }
  return cases;
}

}  // namespace temper::op_suite
