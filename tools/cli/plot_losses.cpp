#include "tools/cli/plot_losses.h"

#include <cmath>
#include <filesystem>

#include "runtime/base/error.h"
#include "tools/charts/figure.h"
#include "tools/cli/named_chart.h"
#include "tools/cli/recipe_words.h"
#include "training/objective/loss_shape.h"
#include "training/recipe/recipe.h"

namespace temper::cli {
namespace {

using training::ComponentSettings;
using training::PredictionKind;

constexpr double kReach = 3;  // errors are drawn from -3 to 3, logits from -6 to 6
constexpr int kPoints = 241;

// Where predictions are drawn, and for which target.
struct Axis {
  double low = -kReach;
  double high = kReach;
  double target = 0;
  const char* label = "error (prediction - target)";
};

Axis axis_of(PredictionKind kind) {
  switch (kind) {
    case PredictionKind::kBinaryLogits:
      return {-2 * kReach, 2 * kReach, 1, "logit (the target is 1)"};
    case PredictionKind::kProbabilities:
      return {0, 1, 1, "probability (the target is 1)"};
    default:
      return {};
  }
}

// A word is a loss by name or a recipe's file; `overrides` hold for all.
ComponentSettings read_loss(const std::string& word, const std::vector<std::string>& overrides) {
  training::RecipeSources sources;
  if (std::filesystem::path(word).extension() == ".toml") {
    sources.file = word;
  } else {
    sources.overrides.push_back("loss.name=" + word);
  }
  sources.overrides.insert(sources.overrides.end(), overrides.begin(), overrides.end());
  ComponentSettings loss = training::read_recipe(sources).loss.loss;
  TEMPER_CHECK(!loss.name.empty(), ErrorCode::kInvalidArgument, word, " names no loss ([loss])");
  return loss;
}

std::vector<double> evenly(double low, double high) {
  std::vector<double> values;
  for (int i = 0; i < kPoints; ++i) {
    values.push_back(low + (high - low) * i / (kPoints - 1));
  }
  return values;
}

// "huber (delta 1)": the parameters that shape it, as far as they are numbers.
std::string legend(const ComponentSettings& loss) {
  std::vector<std::string> numbers;
  for (const auto& [name, value] : loss.parameters) {
    if (const auto* number = std::get_if<double>(&value)) {
      numbers.push_back(concat(name, " ", *number));
    }
  }
  return numbers.empty() ? loss.name : concat(loss.name, " (", join(numbers, ", "), ")");
}

charts::Chart empty_chart(const char* title, const Axis& axis, const char* y_label) {
  charts::Chart chart;
  chart.title = title;
  chart.x_label = axis.label;
  chart.y_label = y_label;
  chart.number_ends = false;
  return chart;
}

}  // namespace

int plot_losses(const Arguments& arguments) {
  const auto [words, overrides] = typed_words(arguments, 1);
  TEMPER_CHECK(!words.empty(), ErrorCode::kInvalidArgument,
               "which losses? write temper plot losses mse l1 huber");
  std::vector<ComponentSettings> chosen;
  for (const std::string& word : words) {
    chosen.push_back(read_loss(word, overrides));
  }
  const PredictionKind kind = training::find_loss(chosen.front().name).prediction;
  const Axis axis = axis_of(kind);
  const std::vector<double> predictions = evenly(axis.low, axis.high);
  charts::Chart values = empty_chart("Loss of one prediction", axis, "loss");
  charts::Chart slopes = empty_chart("Its gradient: how hard it pulls", axis, "gradient");
  for (const ComponentSettings& loss : chosen) {
    TEMPER_CHECK(training::find_loss(loss.name).prediction == kind, ErrorCode::kInvalidArgument,
                 loss.name, " reads the model's output in another way than ", chosen.front().name,
                 " (values, logits or probabilities): draw them apart");
    training::LossShape shape = training::loss_shape(loss, predictions, axis.target);
    values.series.push_back({legend(loss), predictions, std::move(shape.loss)});
    slopes.series.push_back({legend(loss), predictions, std::move(shape.gradient)});
  }
  for (charts::Chart* chart : {&values, &slopes}) {
    for (charts::Series& series : chart->series) {
      charts::Series defined{series.name, {}, {}};
      for (std::size_t i = 0; i < series.x.size(); ++i) {
        if (std::isfinite(series.y[i])) {
          defined.x.push_back(series.x[i]);
          defined.y.push_back(series.y[i]);
        }
      }
      series = std::move(defined);
    }
  }
  const std::string out = chart_stem(arguments.text("--out", "losses"));
  charts::Figure figure;
  figure.title = "Losses against the error";
  figure.columns = 2;
  figure.panels = {values, slopes};
  charts::write_chart(figure, out);
  print_chart_files({out}, arguments.has("--json"));
  return 0;
}

}  // namespace temper::cli
