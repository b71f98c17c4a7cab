#include "tools/cli/diagnosis_charts.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/base/concat.h"

namespace temper::cli {
namespace {

using charts::BarChart;
using charts::Chart;
using charts::Figure;
using training::ActivationStats;
using training::Diagnosis;
using training::TensorDiagnosis;

constexpr std::size_t kMostLines = 6;
constexpr std::size_t kMostHistograms = 6;

charts::Series over_steps(const std::string& name, const std::vector<double>& values) {
  charts::Series series;
  series.name = name;
  for (std::size_t i = 0; i < values.size(); ++i) {
    series.x.push_back(static_cast<double>(i + 1));
    series.y.push_back(values[i]);
  }
  return series;
}

// At most `most` weight tensors, evenly from the first of the model to the last.
std::vector<const TensorDiagnosis*> some_weights(const Diagnosis& diagnosis, std::size_t most) {
  std::vector<const TensorDiagnosis*> all;
  for (const TensorDiagnosis& tensor : diagnosis.tensors) {
    if (tensor.is_weight()) {
      all.push_back(&tensor);
    }
  }
  if (all.size() <= most) {
    return all;
  }
  std::vector<const TensorDiagnosis*> some;
  for (std::size_t i = 0; i < most; ++i) {
    some.push_back(all[i * (all.size() - 1) / (most - 1)]);
  }
  return some;
}

bool any_positive(const std::vector<double>& values) {
  return std::any_of(values.begin(), values.end(),
                     [](double value) { return std::isfinite(value) && value > 0; });
}

Figure steps_figure(const Diagnosis& d) {
  Chart loss{"Loss of each step", "step", "training loss", {over_steps("loss", d.losses)}};
  loss.log_y_if_wide = true;
  Chart norm{"Norm of the whole gradient",
             "step",
             "norm, before clipping",
             {over_steps("norm", d.gradient_norms)}};
  norm.log_y = any_positive(d.gradient_norms);
  return {concat("The first ", d.steps, " steps"), {std::move(loss), std::move(norm)}, 2};
}

BarChart bars(const std::string& title, const std::string& name_label, const std::string& label) {
  BarChart chart;
  chart.title = title;
  chart.name_label = name_label;
  chart.value_label = label;
  chart.horizontal = true;
  return chart;
}

// A bar per tensor in the order of the model, and lines of some over the steps.
Figure tensor_figure(const Diagnosis& d, bool updates) {
  const auto values = [&](const TensorDiagnosis& tensor) -> const std::vector<double>& {
    return updates ? tensor.update_ratios : tensor.gradient_norms;
  };
  BarChart chart = bars(updates ? "Update to weight, median" : "Gradient norm, median", "tensor",
                        updates ? "|update| / |weight|" : "norm");
  chart.log = true;
  charts::BarSeries series{"median", {}};
  for (const TensorDiagnosis& tensor : d.tensors) {
    chart.names.push_back(tensor.name);
    series.values.push_back(training::finite_median(values(tensor)));
  }
  chart.log = any_positive(series.values);
  chart.series = {std::move(series)};
  Chart lines;
  lines.title = updates ? "Update to weight over the steps" : "Gradient norm over the steps";
  lines.x_label = "step";
  lines.y_label = chart.value_label;
  lines.number_ends = false;
  for (const TensorDiagnosis* tensor : some_weights(d, kMostLines)) {
    lines.series.push_back(over_steps(tensor->name, values(*tensor)));
    lines.log_y = lines.log_y || any_positive(lines.series.back().y);
  }
  if (updates) {
    chart.markers = {{1e-3, "usual"}};
    lines.horizontal_markers = {{1e-3, "usual: 0.001"}};
  }
  return {updates ? "How far a step moves each tensor" : "Gradients, first layer to last",
          {std::move(chart), std::move(lines)},
          2};
}

Figure weight_figure(const Diagnosis& d) {
  Figure figure;
  figure.title = "Distribution of weights, before and after";
  figure.columns = 2;
  for (const TensorDiagnosis* tensor : some_weights(d, kMostHistograms)) {
    charts::Histogram histogram;
    histogram.title = tensor->name;
    histogram.x_label = "weight";
    histogram.y_label = "weights";
    histogram.series = {
        {"before", tensor->before.edges, tensor->before.counts},
        {concat("after ", d.steps, " steps"), tensor->after.edges, tensor->after.counts}};
    std::erase_if(histogram.series,
                  [](const charts::HistogramSeries& series) { return series.counts.empty(); });
    if (!histogram.series.empty()) {
      figure.panels.emplace_back(std::move(histogram));
    }
  }
  return figure;
}

Figure activation_figure(const Diagnosis& d) {
  BarChart shares = bars("Zeros, saturated values, dead units", "layer", "share of all");
  BarChart spread = bars("Deviation of the values", "layer", "standard deviation");
  charts::BarSeries zeros{"zeros", {}};
  charts::BarSeries saturated{"saturated", {}};
  charts::BarSeries dead{"dead units", {}};
  charts::BarSeries deviation{"deviation", {}};
  for (const ActivationStats& stats : d.layers) {
    const std::string name = concat(stats.layer().name, " (", stats.layer().op, ")");
    spread.names.push_back(name);
    deviation.values.push_back(stats.deviation());
    if (!stats.saturates() && !stats.can_die()) {
      continue;
    }
    shares.names.push_back(name);
    zeros.values.push_back(stats.zero_share());
    saturated.values.push_back(stats.saturated_share());
    dead.values.push_back(stats.units() == 0 ? 0
                                             : static_cast<double>(stats.dead()) /
                                                   static_cast<double>(stats.units()));
  }
  spread.log = any_positive(deviation.values);
  spread.series = {std::move(deviation)};
  shares.series = {std::move(zeros)};
  for (charts::BarSeries* series : {&saturated, &dead}) {
    if (any_positive(series->values)) {
      shares.series.push_back(std::move(*series));
    }
  }
  Figure figure{"What the layers give, first to last", {std::move(spread)}, 2};
  if (!shares.names.empty()) {
    figure.panels.emplace_back(std::move(shares));
  }
  return figure;
}

}  // namespace

std::vector<std::pair<std::string, Figure>> diagnosis_charts(const Diagnosis& diagnosis) {
  std::vector<std::pair<std::string, Figure>> all;
  if (diagnosis.steps == 0) {
    return all;
  }
  all.emplace_back("steps", steps_figure(diagnosis));
  all.emplace_back("gradients", tensor_figure(diagnosis, false));
  all.emplace_back("updates", tensor_figure(diagnosis, true));
  if (Figure weights = weight_figure(diagnosis); !weights.panels.empty()) {
    all.emplace_back("weights", std::move(weights));
  }
  if (!diagnosis.layers.empty()) {
    all.emplace_back("activations", activation_figure(diagnosis));
  }
  return all;
}

}  // namespace temper::cli
