// Every loss of a set is that of PyTorch on all of its samples at once, in whatever batches its
// sums were gathered.
#include "training/losses/loss_sums.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "backends/backends.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/evaluate.h"
#include "runtime/base/error.h"
#include "tests/training/losses/expected/losses.h"
#include "training/losses/loss.h"

namespace temper::training {
namespace {

constexpr DType kDouble = DType::kFloat64;

// Samples `from` to `to` along `axis`.
LossTensor part_of(const LossTensor& whole, std::int64_t from, std::int64_t to, int axis) {
  const std::int64_t inner = whole.shape.count(axis + 1, whole.shape.rank());
  const std::int64_t size = whole.shape[axis];
  LossTensor part;
  for (int i = 0; i < whole.shape.rank(); ++i) {
    part.shape.push_back(i == axis ? to - from : whole.shape[i]);
  }
  for (std::int64_t outer = 0; outer < whole.shape.count(0, axis); ++outer) {
    const auto begin = whole.values.begin() + (outer * size + from) * inner;
    part.values.insert(part.values.end(), begin, begin + (to - from) * inner);
  }
  return part;
}

// All sums of samples `from` to `to`, then the counts.
std::vector<double> sums_of(const ExpectedLoss& wanted, std::int64_t from, std::int64_t to,
                            int axis, const Backend& backend) {
  const Loss& loss = find_loss(wanted.loss);
  graph::Graph graph(graph::standard_ops());
  graph::Builder builder(graph, "loss");
  const Attrs parameters =
      complete_parameters("loss", loss.name, loss.parameters, wanted.parameters);
  LossInputs in{builder, {}, {}, parameters, {}, {}};
  std::map<graph::ValueId, Tensor> known;
  const auto input = [&](DType dtype, const LossTensor& values, int along) {
    const LossTensor part = part_of(values, from, to, along);
    const graph::ValueId id = graph.add_input(concat("i", known.size()), dtype, part.shape);
    known.emplace(id, Tensor::from<double>(dtype, part.shape, part.values));
    return id;
  };
  const auto numbers = [](const std::vector<double>& values) {
    return LossTensor{{static_cast<std::int64_t>(values.size())}, values};
  };
  for (const LossTensor& output : wanted.outputs) {
    in.outputs.push_back(input(kDouble, output, axis));
  }
  if (!wanted.target.values.empty()) {
    in.target = input(wanted.class_target ? DType::kInt64 : kDouble, wanted.target, 0);
  }
  if (!wanted.sample_weight.empty()) {
    in.sample_weight = input(kDouble, numbers(wanted.sample_weight), 0);
  }
  if (!wanted.input_lengths.empty()) {
    in.input_lengths = input(DType::kInt64, numbers(wanted.input_lengths), 0);
  }
  const LossSums sums = loss.sums(in);
  const auto tensors = graph::evaluate(graph, backend, known, {sums.sum, sums.count});
  std::vector<double> all = tensors[0].values<double>();
  const std::vector<double> counts = tensors[1].values<double>();
  all.insert(all.end(), counts.begin(), counts.end());
  return all;
}

void expect_same_in_batches(const ExpectedLoss& wanted) {
  const auto backend = make_backend("reference");
  const Loss& loss = find_loss(wanted.loss);
  const LossForm form =
      loss_form(loss, complete_parameters("loss", loss.name, loss.parameters, wanted.parameters));
  const int axis = wanted.parameters.get_int("batch_first", 1) != 0 ? 0 : 1;
  const std::int64_t samples = wanted.outputs.front().shape[axis];
  for (const std::int64_t size : {std::int64_t{1}, std::int64_t{2}, std::int64_t{3}, samples}) {
    std::vector<double> totals;
    for (std::int64_t from = 0; from < samples; from += size) {
      const std::vector<double> more =
          sums_of(wanted, from, std::min(from + size, samples), axis, *backend);
      totals.resize(more.size());
      for (std::size_t i = 0; i < more.size(); ++i) {
        totals[i] += more[i];
      }
    }
    EXPECT_NEAR(loss_value(form, totals), wanted.value,
                1e-9 * std::max(1e-3, std::abs(wanted.value)))
        << wanted.loss << to_string(wanted.parameters) << " in batches of " << size;
  }
}

TEST(LossSums, GiveEveryLossOfASetInBatchesOfAnySize) {
  for (const ExpectedLoss& wanted : expected_losses()) {
    expect_same_in_batches(wanted);
  }
}

TEST(LossSums, GiveEveryLossOfASetWithAWeightForEachSample) {
  for (const ExpectedLoss& wanted : expected_weighted_losses()) {
    expect_same_in_batches(wanted);
  }
}

TEST(LossSums, OfNothingAreNoNumberOfASetAndZeroInAGraph) {
  const std::vector<double> nothing = {0, 0};
  EXPECT_TRUE(std::isnan(loss_value(LossForm{}, nothing)));
  graph::Graph graph(graph::standard_ops());
  graph::Builder builder(graph, "loss");
  const graph::ValueId sum = graph.add_input("s", kDouble, Shape{});
  const graph::ValueId count = graph.add_input("c", kDouble, Shape{});
  const graph::ValueId value = loss_value(builder, LossForm{}, {sum, count, 1});
  const auto backend = make_backend("reference");
  const auto zero = Tensor::from<double>(kDouble, {}, {{0.0}});
  const auto tensors = graph::evaluate(graph, *backend, {{sum, zero}, {count, zero}}, {value});
  EXPECT_EQ(tensors[0].values<double>().front(), 0);
}

}  // namespace
}  // namespace temper::training
