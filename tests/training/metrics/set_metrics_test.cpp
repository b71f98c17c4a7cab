// Metrics over a whole set equal scikit-learn's, in whatever batches the set came.
#include "training/metrics/set_metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/base/error.h"
#include "tests/training/metrics/expected_metrics.h"
#include "training/metrics/accuracy.h"
#include "training/metrics/metric_spec.h"

namespace temper::training {
namespace {

bool has_labels(Task task) {
  return task == Task::kClassification || task == Task::kSegmentation || task == Task::kLanguage;
}

Shape shape_of(const std::vector<std::int64_t>& dims) {
  Shape shape;
  for (const std::int64_t dim : dims) {
    shape.push_back(dim);
  }
  return shape;
}

// The rows [begin, end) of a case as a batch.
void add_rows(const MetricCase& set, std::int64_t begin, std::int64_t end, DType dtype,
              SetMetrics& metrics) {
  const std::int64_t rows = set.shape[0];
  const auto part = [&](const std::vector<double>& all) {
    const std::int64_t each = static_cast<std::int64_t>(all.size()) / rows;
    return std::vector<double>(all.begin() + begin * each, all.begin() + end * each);
  };
  std::vector<std::int64_t> dims = set.shape;
  dims[0] = end - begin;
  const Shape shape = shape_of(dims);
  const Tensor output = Tensor::from<double>(dtype, shape, part(set.output));
  const std::vector<double> target = part(set.target);
  if (has_labels(set.task)) {
    const std::vector<std::int64_t> labels(target.begin(), target.end());
    const auto count = static_cast<std::int64_t>(labels.size());
    metrics.add(output, Tensor::from<std::int64_t>(DType::kInt64, {count}, labels));
  } else {
    metrics.add(output, Tensor::from<double>(dtype, shape, target));
  }
}

SetMetrics metrics_of(const MetricCase& set) {
  return {set.task, Scores::kLogits, set.shape[1], set.settings};
}

void expect_figures(const MetricCase& set, const SetMetrics& metrics) {
  std::vector<std::string> names;
  for (const auto& [name, value] : metrics.values()) {
    ASSERT_TRUE(set.figures.contains(name)) << set.name << " " << name;
    const double expected = set.figures.at(name);
    EXPECT_NEAR(value, expected, 1e-12 * std::max(1.0, std::abs(expected)))
        << set.name << " " << name;
    names.push_back(name);
  }
  EXPECT_EQ(names.size(), set.figures.size()) << set.name;
  EXPECT_EQ(names, metrics.value_names()) << set.name;
  const std::vector<ClassFigures> classes = metrics.class_figures();
  for (std::size_t c = 0; c < set.classes.size(); ++c) {
    const ClassCounts& counts = classes.at(c).counts;
    EXPECT_NEAR(counts.precision(), set.classes[c][0], 1e-12) << set.name << " " << c;
    EXPECT_NEAR(counts.recall(), set.classes[c][1], 1e-12) << set.name << " " << c;
    EXPECT_NEAR(counts.f1(), set.classes[c][2], 1e-12) << set.name << " " << c;
    EXPECT_EQ(static_cast<double>(counts.support), set.classes[c][3]) << set.name << " " << c;
  }
}

TEST(SetMetrics, EqualScikitLearnInBothPrecisions) {
  for (const MetricCase& set : metric_cases()) {
    for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
      SetMetrics metrics = metrics_of(set);
      add_rows(set, 0, set.shape[0], dtype, metrics);
      expect_figures(set, metrics);
    }
  }
}

TEST(SetMetrics, DoNotDependOnTheBatches) {
  for (const MetricCase& set : metric_cases()) {
    SetMetrics metrics = metrics_of(set);
    for (std::int64_t row = 0; row < set.shape[0]; row += 7) {
      add_rows(set, row, std::min(row + 7, set.shape[0]), DType::kFloat32, metrics);
    }
    expect_figures(set, metrics);
  }
}

TEST(SetMetrics, MergeToThoseOfTheWholeSet) {
  for (const MetricCase& set : metric_cases()) {
    SetMetrics first = metrics_of(set);
    SetMetrics second = metrics_of(set);
    add_rows(set, 0, 1, DType::kFloat64, first);
    add_rows(set, 1, set.shape[0], DType::kFloat64, second);
    first.merge(second);
    first.merge(metrics_of(set));
    expect_figures(set, first);
  }
}

TEST(SetMetrics, LeaveOutTheAreaOfASetWithOneClass) {
  MetricSettings settings;
  settings.names = {"auc", "f1"};
  SetMetrics metrics(Task::kBinary, Scores::kLogits, 1, settings);
  const Tensor output = Tensor::from<double>(DType::kFloat64, {2, 1}, std::vector<double>{1, -1});
  const std::vector<double> ones = {1, 1};
  metrics.add(output, Tensor::from<double>(DType::kFloat64, {2, 1}, ones));
  ASSERT_EQ(metrics.values().size(), 1u);
  EXPECT_EQ(metrics.values()[0].name, "f1");
  EXPECT_NEAR(metrics.values()[0].value, 2.0 / 3.0, 1e-15);
}

TEST(SetMetrics, RefuseAMetricThatDoesNotApplyAndALabelThatIsNoClass) {
  MetricSettings settings;
  settings.names = {"rmse"};
  try {
    SetMetrics(Task::kClassification, Scores::kLogits, 3, settings);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(error.message().find("does not apply"), std::string::npos) << error.message();
    EXPECT_NE(error.message().find("f1"), std::string::npos) << error.message();
  }
  SetMetrics metrics(Task::kClassification, Scores::kLogits, 3, {});
  const Tensor label = Tensor::scalar<std::int64_t>(DType::kInt64, 3);
  EXPECT_THROW(metrics.add(Tensor(DType::kFloat32, {1, 3}), label), Error);
}

TEST(SetMetrics, TakeTheLikeliestClassOfTargetsThatAreProbabilities) {
  MetricSettings settings;
  settings.names = {"accuracy", "f1"};
  SetMetrics metrics(Task::kSegmentation, Scores::kLogits, 2, settings);
  // Two pixels of one sample, [1, 2, 2]: predicted 0 and 1, wanted 0 and 0.
  const std::vector<double> output = {3, -1, 0, 2};
  const std::vector<double> target = {0.9, 0.6, 0.1, 0.4};
  metrics.add(Tensor::from<double>(DType::kFloat32, {1, 2, 2}, output),
              Tensor::from<double>(DType::kFloat64, {1, 2, 2}, target));
  EXPECT_EQ(metrics.values()[0].value, 0.5);
  EXPECT_EQ(metrics.confusion().count(0, 1), 1);
}

TEST(SetMetrics, CountEachLabelOfManyMasksByItself) {
  MetricSettings settings;
  settings.names = {"iou", "auc"};
  SetMetrics metrics(Task::kMultiLabel, Scores::kProbabilities, 2, settings);
  // Two masks of three pixels, [1, 2, 3].
  const std::vector<double> output = {0.9, 0.8, 0.1, 0.6, 0.2, 0.7};
  const std::vector<double> target = {1, 0, 0, 0, 0, 1};
  metrics.add(Tensor::from<double>(DType::kFloat64, {1, 2, 3}, output),
              Tensor::from<double>(DType::kFloat64, {1, 2, 3}, target));
  ASSERT_EQ(metrics.values().size(), 2u);
  EXPECT_EQ(metrics.values()[0].value, 0.5);  // 1/2 and 1/2
  EXPECT_EQ(metrics.values()[1].value, 1);    // each ranks its one positive first
}

TEST(SetMetrics, ComputeWhatFitsTheTaskUnlessSomethingIsNamed) {
  EXPECT_EQ(default_metrics_of(Task::kClassification), std::vector<std::string>{"accuracy"});
  EXPECT_EQ(default_metrics_of(Task::kLanguage),
            (std::vector<std::string>{"accuracy", "perplexity"}));
  MetricSettings settings;
  settings.names = {"f1", "all"};
  const std::vector<std::string> all = chosen_metrics(Task::kClassification, settings, 3);
  EXPECT_EQ(all.front(), "f1");
  EXPECT_EQ(all.size(), 6u) << "top_k of 5 among 3 classes tells nothing";
}

TEST(SetMetrics, CountClassesByThemselvesWhereAMatrixWouldBeTooLarge) {
  const std::int64_t classes = kMostConfusionClasses + 1;
  SetMetrics metrics(Task::kClassification, Scores::kLogits, classes, {});
  Tensor output(DType::kFloat32, {2, classes});
  output.span<float>()[5] = 1;
  output.span<float>()[static_cast<std::size_t>(classes) + 6] = 1;
  const std::vector<std::int64_t> labels = {5, 5};
  metrics.add(output, Tensor::from<std::int64_t>(DType::kInt64, {2}, labels));
  EXPECT_EQ(metrics.confusion().classes(), 0);
  const ClassCounts five = metrics.class_figures()[5].counts;
  EXPECT_EQ(five.support, 2);
  EXPECT_EQ(five.recall(), 0.5);
}

TEST(Ranking, PutsScoresThatAreNotNumbersLast) {
  std::vector<ScoredSample> samples = {
      {std::numeric_limits<double>::quiet_NaN(), true}, {1, true}, {0, false}};
  EXPECT_EQ(rank(samples).roc_auc(), 0.5);
}

TEST(LessIsBetter, OfErrorsAndNotOfScores) {
  EXPECT_TRUE(less_is_better("val/loss"));
  EXPECT_TRUE(less_is_better("val/loss/mask"));
  EXPECT_TRUE(less_is_better("val/rmse"));
  EXPECT_TRUE(less_is_better("val/perplexity"));
  EXPECT_FALSE(less_is_better("val/accuracy"));
  EXPECT_FALSE(less_is_better("val/r2"));
}

// What a chart of a regression is drawn from.
TEST(SetMetrics, KeepsTheFirstValuesOfARegressionInTheirOrder) {
  SetMetrics metrics(Task::kRegression, Scores::kLogits, 1, {});
  for (std::int64_t batch = 0; batch < 3; ++batch) {
    std::vector<double> predicted, wanted;
    for (std::int64_t i = 0; i < 90; ++i) {
      predicted.push_back(static_cast<double>(batch * 90 + i));
      wanted.push_back(-static_cast<double>(batch * 90 + i));
    }
    metrics.add(Tensor::from<double>(DType::kFloat64, {90, 1}, std::span(predicted)),
                Tensor::from<double>(DType::kFloat64, {90, 1}, std::span(wanted)));
  }
  ASSERT_EQ(metrics.first_values().size(), kMostKeptValues);
  for (std::size_t i = 0; i < kMostKeptValues; ++i) {
    EXPECT_EQ(metrics.first_values()[i].predicted, static_cast<double>(i));
    EXPECT_EQ(metrics.first_values()[i].wanted, -static_cast<double>(i));
  }
}

}  // namespace
}  // namespace temper::training
