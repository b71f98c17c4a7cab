#include "tools/cli/run_charts.h"

#include <utility>

#include "runtime/base/concat.h"
#include "training/records/metrics_log.h"

namespace temper::cli {

void RunCharts::read(const std::string& metrics_file) {
  training::read_metrics(metrics_file, [&](const training::LoggedStep& line) {
    for (const training::Metric& metric : line.metrics) {
      points_[metric.name][line.step] = metric.value;
    }
  });
}

charts::Series RunCharts::series(const std::string& metric, const std::string& name) const {
  charts::Series series;
  series.name = name;
  const auto found = points_.find(metric);
  if (found != points_.end()) {
    for (const auto& [step, value] : found->second) {
      series.x.push_back(static_cast<double>(step));
      series.y.push_back(value);
    }
  }
  return series;
}

namespace {

// A number that the whole run has: a grey line.
charts::Series threshold(charts::Series series) {
  series.style = charts::LineStyle::kReference;
  return series;
}

}  // namespace

// Those that were logged; "top" stands for top5 and its like.
std::vector<charts::Series> RunCharts::val_series(
    std::initializer_list<std::string_view> names) const {
  std::vector<charts::Series> found;
  for (const std::string_view name : names) {
    for (const auto& [metric, values] : points_) {
      const std::string_view of = std::string_view(metric).substr(metric.find('/') + 1);
      const bool same = name == "top" ? of.starts_with("top") : of == name;
      if (same && metric.starts_with("val/")) {
        found.push_back(series(metric, std::string(of)));
      }
    }
  }
  return found;
}

// Of a loss that has several.
std::vector<charts::Series> RunCharts::loss_parts() const {
  std::vector<charts::Series> found;
  for (const std::string split : {"train", "val"}) {
    const std::string prefix = split + "/loss/";
    for (const auto& [metric, values] : points_) {
      if (metric.starts_with(prefix)) {
        found.push_back(series(metric, concat(metric.substr(prefix.size()), ", ", split)));
      }
    }
  }
  return found;
}

std::vector<NamedChart> RunCharts::charts() const {
  const std::vector<std::pair<std::string, charts::Chart>> all = {
      {"loss",
       {"Loss",
        "step",
        "loss",
        {series("train/loss", "train"), series("val/loss", "val"),
         series("d/loss", "discriminator"), series("g/loss", "generator")}}},
      {"loss_parts",
       {"Parts of the loss", "step", "part of the loss, before its weight", loss_parts()}},
      {"scores",
       {"Discriminator's scores",
        "step",
        "mean score",
        {series("d/real", "real samples"), series("d/fake", "generated samples")}}},
      {"accuracy",
       {"Accuracy",
        "step",
        "accuracy",
        {series("train/accuracy", "train"), series("val/accuracy", "val")}}},
      {"gradient_norm",
       {.title = "Gradient norm",
        .x_label = "step",
        .y_label = "norm of all gradients",
        .series = {series("opt/grad_norm_max", "largest since the point before"),
                   series("opt/grad_norm", "before clipping"),
                   series("opt/grad_norm_clipped", "after clipping"),
                   threshold(series("opt/clip_norm", "clip.norm"))},
        .log_y = true}},
      {"metrics",
       {"Validation metrics", "step", "share",
        val_series({"precision", "recall", "f1", "auc", "pr_auc", "iou", "dice", "top"})}},
      {"errors", {"Validation errors", "step", "error", val_series({"mae", "rmse"})}},
      {"r2", {"R2 of the validation set", "step", "R2", val_series({"r2"})}},
      {"perplexity", {"Perplexity", "step", "perplexity", val_series({"perplexity"})}},
      {"learning_rate",
       {"Learning rate",
        "step",
        "learning rate",
        {series("opt/lr", "lr"), series("d/lr", "discriminator"), series("g/lr", "generator")}}},
  };
  std::vector<NamedChart> drawn;
  for (auto [name, chart] : all) {
    std::erase_if(chart.series, [](const charts::Series& s) { return s.x.empty(); });
    if (!chart.series.empty()) {
      chart.log_y_if_wide = name.starts_with("loss") || name == "errors" || name == "perplexity";
      drawn.push_back({name, std::move(chart)});
    }
  }
  return drawn;
}

}  // namespace temper::cli
