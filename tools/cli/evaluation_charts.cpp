#include "tools/cli/evaluation_charts.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "runtime/base/concat.h"
#include "runtime/base/number_text.h"

namespace temper::cli {
namespace {

using training::ConfusionMatrix;
using training::RankedCounts;
using training::Ranking;
using training::SetMetrics;
using training::Task;

constexpr std::size_t kMostCurves = 5;
constexpr std::size_t kNamedOfMany = 4;  // of more, so that the curves can be told apart
constexpr std::size_t kMostMatrixClasses = 40;
constexpr std::size_t kMostPoints = 600;  // of a curve
constexpr std::size_t kMostOthers = 40;   // pale curves behind the named ones

std::string fixed(double value) { return fixed_text(value, 3); }

// All classes, or of many those with the most mistakes, in the order of their numbers.
std::vector<std::int64_t> matrix_classes(const ConfusionMatrix& matrix) {
  std::vector<std::int64_t> chosen(static_cast<std::size_t>(matrix.classes()));
  std::iota(chosen.begin(), chosen.end(), std::int64_t{0});
  if (chosen.size() <= kMostMatrixClasses) {
    return chosen;
  }
  const std::vector<training::ClassCounts> counts = matrix.per_class();
  const auto mistakes = [&](std::int64_t c) {
    const training::ClassCounts& of = counts[static_cast<std::size_t>(c)];
    return of.support + of.predicted - 2 * of.both;
  };
  std::stable_sort(chosen.begin(), chosen.end(),
                   [&](std::int64_t a, std::int64_t b) { return mistakes(a) > mistakes(b); });
  chosen.resize(kMostMatrixClasses);
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

charts::HeatMap confusion_map(const SetMetrics& metrics, const std::vector<std::string>& names,
                              const std::string& data) {
  const ConfusionMatrix& matrix = metrics.confusion();
  const std::vector<std::int64_t> classes = matrix_classes(matrix);
  charts::HeatMap map;
  map.title = concat("Confusion matrix, ", data);
  if (classes.size() < static_cast<std::size_t>(matrix.classes())) {
    map.title +=
        concat(": the ", classes.size(), " classes with the most mistakes of ", matrix.classes());
  }
  map.x_label = "predicted class";
  map.y_label = "true class";
  map.row_normalised = true;
  map.scale_label = "share of the true class";
  map.digits = 6;
  for (const std::int64_t truth : classes) {
    map.row_names.push_back(names[static_cast<std::size_t>(truth)]);
    for (const std::int64_t predicted : classes) {
      map.values.push_back(static_cast<double>(matrix.count(truth, predicted)));
    }
  }
  map.column_names = map.row_names;
  return map;
}

struct Curve {
  std::string name;
  Ranking ranking;
  double area = 0;
};

// The curves of the classes that can be ranked, the smallest areas first.
std::vector<Curve> curves_of(const SetMetrics& metrics, const std::vector<std::string>& names,
                             bool roc) {
  std::vector<Curve> curves;
  for (std::int64_t column = 0; column < metrics.columns(); ++column) {
    Curve curve;
    const auto named = static_cast<std::size_t>(metrics.task() == Task::kBinary ? 1 : column);
    curve.name = names[named];
    curve.ranking = metrics.ranking(column);
    if (curve.ranking.ranks()) {
      curve.area = roc ? curve.ranking.roc_auc() : curve.ranking.average_precision();
      curves.push_back(std::move(curve));
    }
  }
  std::stable_sort(curves.begin(), curves.end(),
                   [](const Curve& a, const Curve& b) { return a.area < b.area; });
  return curves;
}

void add_point(charts::Series& series, const Ranking& ranking, const RankedCounts& at, bool roc) {
  const auto positives = static_cast<double>(at.true_positives);
  const auto all = static_cast<double>(at.true_positives + at.false_positives);
  const double recall = positives / static_cast<double>(ranking.positives);
  series.x.push_back(roc ? static_cast<double>(at.false_positives) /
                               static_cast<double>(ranking.negatives)
                         : recall);
  series.y.push_back(roc ? recall : positives / all);
}

// Of very many thresholds some, evenly by their number, the last among them.
charts::Series series_of(const Curve& curve, bool roc) {
  charts::Series series;
  series.name = concat(curve.name, ": area ", fixed(curve.area));
  std::vector<RankedCounts> all = curve.ranking.thresholds;
  if (!roc) {  // beyond full recall precision only falls
    const auto full = std::find_if(all.begin(), all.end(), [&](const RankedCounts& at) {
      return at.true_positives == curve.ranking.positives;
    });
    all.erase(full + 1, all.end());
  }
  series.x.push_back(0);
  series.y.push_back(roc ? 0 : 1);
  const std::size_t points = std::min(all.size(), kMostPoints);
  for (std::size_t i = 0; i < points; ++i) {
    const std::size_t index = points < 2 ? all.size() - 1 : i * (all.size() - 1) / (points - 1);
    add_point(series, curve.ranking, all[index], roc);
  }
  return series;
}

charts::Chart curve_chart(const SetMetrics& metrics, const std::vector<std::string>& names,
                          const std::string& data, bool roc) {
  const std::vector<Curve> curves = curves_of(metrics, names, roc);
  charts::Chart chart;
  chart.title = concat(roc ? "ROC" : "Precision against recall", ", ", data);
  chart.x_label = roc ? "false positive rate" : "recall";
  chart.y_label = roc ? "true positive rate (recall)" : "precision";
  chart.x_range = charts::Range{0, 1};
  chart.y_range = charts::Range{0, 1};
  chart.number_ends = false;
  const std::size_t named = curves.size() > kMostCurves ? kNamedOfMany : curves.size();
  if (curves.size() > named) {
    chart.title += concat(": the ", named, " smallest areas of ", curves.size());
    const std::size_t end = std::min(curves.size(), named + kMostOthers);
    for (std::size_t i = named; i < end; ++i) {
      charts::Series other = series_of(curves[i], roc);
      other.style = charts::LineStyle::kFaint;
      other.color = 7;
      other.name = i > named ? ""
                             : concat(curves.size() - named, " others: ", fixed(curves[i].area),
                                      " to ", fixed(curves.back().area));
      chart.series.push_back(std::move(other));
    }
  }
  for (std::size_t i = 0; i < named; ++i) {
    charts::Series series = series_of(curves[i], roc);
    series.color = static_cast<int>(i);
    chart.series.push_back(std::move(series));
  }
  std::rotate(chart.series.begin(), chart.series.end() - static_cast<std::ptrdiff_t>(named),
              chart.series.end());
  if (roc) {
    chart.series.push_back({"", {0, 1}, {0, 1}, charts::LineStyle::kReference});
  } else if (curves.size() == 1) {
    const Ranking& of = curves.front().ranking;
    const double share =
        static_cast<double>(of.positives) / static_cast<double>(of.positives + of.negatives);
    chart.series.push_back(
        {"chance: " + fixed(share), {0, 1}, {share, share}, charts::LineStyle::kReference});
  }
  return chart;
}

// Both values of each sample, in the order of the set: of a time series, that of time.
charts::Chart value_chart(const std::vector<training::KeptValue>& values, std::int64_t samples,
                          const std::string& data) {
  charts::Chart chart;
  chart.title = concat("Predicted and true values, ", data);
  if (static_cast<std::int64_t>(values.size()) < samples) {
    chart.title += concat(": the first ", values.size());
  }
  chart.x_label = "sample";
  chart.y_label = "value";
  chart.number_ends = false;
  chart.series = {{"true", {}, {}}, {"predicted", {}, {}}};
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (charts::Series& series : chart.series) {
      series.x.push_back(static_cast<double>(i));
    }
    chart.series[0].y.push_back(values[i].wanted);
    chart.series[1].y.push_back(values[i].predicted);
  }
  return chart;
}

}  // namespace

std::vector<NamedChart> evaluation_charts(const SetMetrics& metrics,
                                          const std::vector<std::string>& class_names,
                                          const std::string& data) {
  std::vector<NamedChart> all;
  if (metrics.confusion().classes() > 0) {
    all.push_back({"confusion_matrix", confusion_map(metrics, class_names, data)});
  }
  if (metrics.keeps_scores()) {
    for (const bool roc : {true, false}) {
      charts::Chart chart = curve_chart(metrics, class_names, data, roc);
      if (chart.series.size() > (roc ? 1U : 0U)) {
        all.push_back({roc ? "roc" : "precision_recall", std::move(chart)});
      }
    }
  }
  if (metrics.first_values().size() > 1) {
    all.push_back({"predictions", value_chart(metrics.first_values(), metrics.counted(), data)});
  }
  return all;
}

}  // namespace temper::cli
