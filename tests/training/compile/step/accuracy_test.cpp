// Right predictions counted in a graph: labels, probabilities of classes, yes and no.
#include "training/compile/step/accuracy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "backends/backends.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/evaluate.h"

namespace temper::training {
namespace {

using Counts = std::vector<std::int64_t>;

graph::ValueId input_like(graph::Graph& graph, const char* name, const Tensor& tensor) {
  std::vector<graph::Dim> dims;
  for (const std::int64_t dim : tensor.shape()) {
    dims.push_back({dim, ""});
  }
  return graph.add_input(name, tensor.dtype(), dims);
}

Counts counted(AccuracySettings settings, const Tensor& scores, const Tensor& target) {
  graph::Graph graph(graph::standard_ops());
  const graph::ValueId y = input_like(graph, "y", scores), wanted = input_like(graph, "t", target);
  graph.value(wanted).port = settings.target;
  add_accuracy(graph, settings, {{"y", y}});
  const auto backend = make_backend("reference");
  return graph::evaluate(graph, *backend, {{y, scores}, {wanted, target}},
                         {graph.outputs.front().value})
      .front()
      .values<std::int64_t>();
}

AccuracySettings classes() {
  AccuracySettings settings;
  settings.kind = AccuracySettings::Kind::kClasses;
  settings.ignore_index = 7;
  return settings;
}

Tensor floats(const Shape& shape, const std::vector<float>& values) {
  return Tensor::from<float>(DType::kFloat32, shape, values);
}

Tensor labels(const Shape& shape, const std::vector<std::int64_t>& values) {
  return Tensor::from<std::int64_t>(DType::kInt64, shape, values);
}

TEST(Accuracy, TakesTheFirstLargestAndLeavesIgnoredLabelsOut) {
  const Tensor scores = floats({4, 3}, {1, 5, 5, 0, 0, 9, 4, 4, 4, 1, 2, 3});
  EXPECT_EQ(counted(classes(), scores, labels({4}, {1, 2, 1, 7})), (Counts{2, 3}));
  EXPECT_EQ(counted(classes(), scores, labels({4}, {7, 7, 7, 7})), (Counts{0, 0}));
}

TEST(Accuracy, CountsEachPlaceOfASegmentation) {
  // One sample, two classes, three places: predicted 0, 1, 0.
  const Tensor scores = floats({1, 2, 3}, {3, -1, 2, 0, 2, 2});
  EXPECT_EQ(counted(classes(), scores, labels({1, 3}, {0, 1, 1})), (Counts{2, 3}));
}

TEST(Accuracy, FindsTheClassesBehindTheRows) {
  AccuracySettings settings = classes();
  settings.classes_last = true;
  // [N, L, C]: predicted 2, 0 and 1, 2.
  const Tensor scores = floats({2, 2, 3}, {0, 1, 2, 9, 1, 1, 0, 5, 4, 0, 0, 1});
  EXPECT_EQ(counted(settings, scores, labels({2, 2}, {2, 0, 7, 0})), (Counts{2, 3}));
}

TEST(Accuracy, TakesTheLikeliestClassOfTargetsThatAreProbabilities) {
  const Tensor scores = floats({1, 2, 2}, {3, -1, 0, 2});
  const Tensor target =
      Tensor::from<double>(DType::kFloat64, {1, 2, 2}, std::vector<double>{0.9, 0.6, 0.1, 0.4});
  EXPECT_EQ(counted(classes(), scores, target), (Counts{1, 2}));
}

TEST(Accuracy, ComparesWithTheThresholdInDouble) {
  AccuracySettings settings;
  settings.kind = AccuracySettings::Kind::kBinary;
  settings.threshold = std::log(0.3 / 0.7);  // no float
  const auto nearest = static_cast<float>(settings.threshold);
  const float below = std::nextafter(nearest, -9.0f), above = std::nextafter(nearest, 9.0f);
  EXPECT_EQ(counted(settings, floats({3, 1}, {below, above, 3}), floats({3, 1}, {0, 1, 0})),
            (Counts{2, 3}));
  const bool is_above = static_cast<double>(nearest) > settings.threshold;
  EXPECT_EQ(counted(settings, floats({1}, {nearest}), floats({1}, {is_above ? 1.0f : 0.0f})),
            (Counts{1, 1}));
}

}  // namespace
}  // namespace temper::training
