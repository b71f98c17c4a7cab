// The keys of [metrics], and the names of the classes that metrics and charts tell of.
#include "runtime/platform/files.h"
#include "training/metrics/metric_spec.h"
#include "training/recipe/key_field.h"

namespace temper::training {
namespace {

constexpr const char* kAverage[] = {"macro", "weighted", "micro"};

std::string known_metrics(const RecipeValue& value) {
  std::vector<std::string> known = metric_names();
  known.emplace_back(kAllMetrics);
  for (const std::string& name : std::get<std::vector<std::string>>(value)) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      const std::string hint = nearest(name, known);
      return concat("must be of ", join(known, ", "), "; there is no \"", name, "\"",
                    hint.empty() ? "" : concat(" (did you mean ", hint, "?)"));
    }
  }
  return "";
}

std::string between_0_and_1(const RecipeValue& value) {
  const double number = std::get<double>(value);
  return number > 0 && number < 1 ? "" : "must lie between 0 and 1";
}

// One name a line; a carriage return before the line's end and empty lines at the end do not count.
std::vector<std::string> names_in(const std::string& path) {
  constexpr std::uint64_t kMostBytes = 1 << 24;
  const std::string text = read_text_file(path, kMostBytes);
  std::vector<std::string> names;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const bool returns = end > begin && text[end - 1] == '\r';
    names.push_back(text.substr(begin, end - begin - (returns ? 1 : 0)));
    begin = end + 1;
  }
  while (!names.empty() && names.back().empty()) {
    names.pop_back();
  }
  TEMPER_CHECK(!names.empty(), ErrorCode::kInvalidArgument, "names ", path, ", which is empty");
  return names;
}

}  // namespace

RecipeKey class_names_key() {
  RecipeKey made = key(
      "data.class_names",
      "names of the classes in the order of their labels, or a .txt file with one a line; empty: "
      "the data's own",
      [](Recipe& r) -> auto& { return r.data.class_names; }, nullptr, true);
  const auto set = made.set;
  made.set = [set](Recipe& recipe, const RecipeValue& value) {
    const auto* path = std::get_if<std::string>(&value);
    const bool is_file = path != nullptr && path->ends_with(".txt");
    set(recipe, is_file ? RecipeValue(names_in(*path)) : value);
  };
  made.runs = Runs::kOneModel;
  return made;
}

std::vector<RecipeKey> metric_keys() {
  return {
      key(
          "metrics.names",
          "what validation computes: accuracy, top_k, precision, recall, f1, auc, pr_auc, iou, "
          "dice, mae, rmse, r2, perplexity, or all; empty: as fits the loss and the target",
          [](Recipe& r) -> auto& { return r.metrics.names; }, known_metrics)
          .of(Runs::kOneModel)
          .when(with_validation()),
      key(
          "metrics.top_k", "top_k: the label is among so many of the largest outputs",
          [](Recipe& r) -> auto& { return r.metrics.top_k; }, positive)
          .of(Runs::kOneModel)
          .when(with_validation()),
      key(
          "metrics.threshold",
          "probability above which a binary or multi-label prediction is positive",
          [](Recipe& r) -> auto& { return r.metrics.threshold; }, between_0_and_1)
          .of(Runs::kOneModel)
          .when(with_validation()),
      key(
          "metrics.average",
          "precision, recall and f1 of many classes: \"macro\" (the mean over classes), "
          "\"weighted\" (by samples) or \"micro\" (of the summed counts)",
          [](Recipe& r) -> auto& { return r.metrics.average; }, one_of<kAverage, 3>)
          .of(Runs::kOneModel)
          .when(with_validation()),
  };
}

}  // namespace temper::training
