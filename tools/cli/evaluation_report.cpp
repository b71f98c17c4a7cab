#include "tools/cli/evaluation_report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "runtime/base/concat.h"
#include "runtime/base/number_text.h"

namespace temper::cli {
namespace {

using training::ClassFigures;
using training::ConfusionMatrix;
using training::JsonValue;
using training::MetricValue;
using training::SetMetrics;
using training::Task;

constexpr std::size_t kMostRows = 50;     // of the table of classes; else the worst of them
constexpr std::size_t kShownOfMany = 25;  // classes
constexpr std::size_t kMistakes = 3;
constexpr std::size_t kNameWidth = 28;

template <class... Parts>
std::string line(const char* format, Parts... parts) {
  char text[256];
  std::snprintf(text, sizeof text, format, parts...);
  return text;
}

std::string shortened(const std::string& name) {
  return name.size() <= kNameWidth ? name : name.substr(0, kNameWidth - 3) + "...";
}

bool is_mask(const SetMetrics& metrics) {
  return metrics.task() == Task::kSegmentation || metrics.task() == Task::kBinaryMask;
}

// Classes by number, or of many those with the lowest F1 that occur.
std::vector<std::size_t> shown_classes(const std::vector<ClassFigures>& classes) {
  std::vector<std::size_t> shown(classes.size());
  std::iota(shown.begin(), shown.end(), std::size_t{0});
  if (classes.size() <= kMostRows) {
    return shown;
  }
  std::erase_if(shown, [&](std::size_t c) { return !classes[c].counts.occurs(); });
  std::stable_sort(shown.begin(), shown.end(), [&](std::size_t a, std::size_t b) {
    return classes[a].counts.f1() < classes[b].counts.f1();
  });
  shown.resize(std::min(shown.size(), kShownOfMany));
  return shown;
}

std::string class_table(const EvaluationReport& report) {
  const std::vector<ClassFigures> classes = report.metrics.class_figures();
  if (classes.empty()) {
    return {};
  }
  const std::vector<std::size_t> shown = shown_classes(classes);
  std::size_t width = 5;
  for (const std::size_t c : shown) {
    width = std::max(width, shortened(report.class_names[c]).size());
  }
  const bool masks = is_mask(report.metrics);
  const int pad = static_cast<int>(width);
  std::string text = line("\n%-*s  precision   recall       f1%s   support\n", pad,
                          report.metrics.task() == Task::kMultiLabel ? "label" : "class",
                          masks ? "      iou" : "");
  for (const std::size_t c : shown) {
    const training::ClassCounts& of = classes[c].counts;
    text += line("%-*s  %9s  %7s  %7s", pad, shortened(report.class_names[c]).c_str(),
                 fixed_text(of.precision(), 4).c_str(), fixed_text(of.recall(), 4).c_str(),
                 fixed_text(of.f1(), 4).c_str());
    text += masks ? line("  %7s", fixed_text(of.iou(), 4).c_str()) : "";
    text += line("  %8lld\n", static_cast<long long>(of.support));
  }
  if (shown.size() < classes.size()) {
    text += line("(the %zu classes with the lowest f1 of %zu; --json has all)\n", shown.size(),
                 classes.size());
  }
  return text;
}

// "the commonest mistakes: 3 taken for 8 (4 times), ..."
std::string mistakes(const EvaluationReport& report) {
  struct Mistake {
    std::int64_t truth = 0;
    std::int64_t predicted = 0;
    std::int64_t count = 0;
  };
  const ConfusionMatrix& matrix = report.metrics.confusion();
  std::vector<Mistake> found;
  for (std::int64_t truth = 0; matrix.classes() > 2 && truth < matrix.classes(); ++truth) {
    for (std::int64_t predicted = 0; predicted < matrix.classes(); ++predicted) {
      const std::int64_t count = matrix.count(truth, predicted);
      if (truth != predicted && count > 0) {
        found.push_back({truth, predicted, count});
      }
    }
  }
  if (found.empty()) {
    return {};
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Mistake& a, const Mistake& b) { return a.count > b.count; });
  found.resize(std::min(found.size(), kMistakes));
  std::vector<std::string> parts;
  for (const Mistake& mistake : found) {
    const auto name = [&](std::int64_t c) {
      return shortened(report.class_names[static_cast<std::size_t>(c)]);
    };
    parts.push_back(concat(name(mistake.truth), " taken for ", name(mistake.predicted), " (",
                           mistake.count, mistake.count == 1 ? " time)" : " times)"));
  }
  return concat("\ncommonest mistakes: ", join(parts, ", "), "\n");
}

JsonValue number_or_null(double value) {
  return std::isfinite(value) ? JsonValue(value) : JsonValue();
}

}  // namespace

std::string metric_title(const SetMetrics& metrics, const std::string& name) {
  const bool averaged = name == "precision" || name == "recall" || name == "f1";
  const bool over_classes = metrics.task() == Task::kClassification ||
                            metrics.task() == Task::kSegmentation ||
                            metrics.task() == Task::kMultiLabel;
  const bool mean = name == "auc" || name == "pr_auc" || name == "iou" || name == "dice";
  return !over_classes ? name
         : averaged    ? concat(name, " (", metrics.settings().average, ")")
         : mean        ? concat(name, " (macro)")
                       : name;
}

std::string report_text(const EvaluationReport& report) {
  std::string text;
  const auto row = [&](const std::string& name, const std::string& value) {
    text += line("%-20s %s\n", name.c_str(), value.c_str());
  };
  row("model", report.model);
  row("data", report.data);
  row("loss", digits_text(report.evaluation.loss, 6));
  for (const MetricValue& metric : report.evaluation.metrics) {
    const bool free = report.metrics.task() == Task::kRegression || metric.name == "perplexity";
    row(metric_title(report.metrics, metric.name),
        free ? digits_text(metric.value, 6) : fixed_text(metric.value, 4));
  }
  return text + class_table(report) + mistakes(report);
}

JsonValue report_json(const EvaluationReport& report) {
  JsonValue json = JsonValue::object();
  json.set("model", report.model);
  json.set("data", report.data);
  json.set("loss", report.evaluation.loss);
  for (const MetricValue& metric : report.evaluation.metrics) {
    json.set(metric.name, metric.value);
  }
  json.set("samples", report.evaluation.samples);
  JsonValue classes = JsonValue::array();
  const std::vector<ClassFigures> figures = report.metrics.class_figures();
  for (std::size_t c = 0; c < figures.size(); ++c) {
    JsonValue one = JsonValue::object();
    one.set("name", report.class_names[c]);
    one.set("precision", figures[c].counts.precision());
    one.set("recall", figures[c].counts.recall());
    one.set("f1", figures[c].counts.f1());
    one.set("iou", figures[c].counts.iou());
    one.set("support", figures[c].counts.support);
    one.set("auc", number_or_null(figures[c].auc));
    one.set("pr_auc", number_or_null(figures[c].pr_auc));
    classes.push_back(std::move(one));
  }
  if (!figures.empty()) {
    json.set("classes", std::move(classes));
  }
  const ConfusionMatrix& matrix = report.metrics.confusion();
  if (matrix.classes() > 0) {
    JsonValue rows = JsonValue::array();
    for (std::int64_t truth = 0; truth < matrix.classes(); ++truth) {
      JsonValue counts = JsonValue::array();
      for (std::int64_t predicted = 0; predicted < matrix.classes(); ++predicted) {
        counts.push_back(matrix.count(truth, predicted));
      }
      rows.push_back(std::move(counts));
    }
    json.set("confusion", std::move(rows));  // a row per true class
  }
  return json;
}

}  // namespace temper::cli
