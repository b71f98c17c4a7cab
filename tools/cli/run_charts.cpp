#include "tools/cli/run_charts.h"

#include "runtime/platform/folders.h"
#include "training/logging/metrics_log.h"

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

std::vector<std::string> RunCharts::write(const std::string& run_directory) const {
  const std::vector<std::pair<std::string, charts::Chart>> all = {
      {"loss",
       {"Loss",
        "step",
        "loss",
        {series("train/loss", "train"), series("val/loss", "val"),
         series("d/loss", "discriminator"), series("g/loss", "generator")}}},
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
        .series = {series("opt/grad_norm", "before clipping"),
                   series("opt/grad_norm_clipped", "after clipping"),
                   threshold(series("opt/clip_norm", "clip.norm"))},
        .log_y = true}},
      {"learning_rate",
       {"Learning rate",
        "step",
        "learning rate",
        {series("opt/lr", "lr"), series("d/lr", "discriminator"), series("g/lr", "generator")}}},
  };
  const std::string folder = join_path(run_directory, "charts");
  std::vector<std::string> written;
  for (auto [name, chart] : all) {
    std::erase_if(chart.series, [](const charts::Series& s) { return s.x.empty(); });
    if (chart.series.empty()) {
      continue;
    }
    make_directories(folder);
    written.push_back(join_path(folder, name));
    charts::write_chart(chart, written.back());
  }
  return written;
}

}  // namespace temper::cli
