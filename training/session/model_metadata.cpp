#include "training/session/model_metadata.h"

#include <algorithm>
#include <cmath>

#include "graph/onnx/class_names.h"
#include "runtime/base/error.h"
#include "runtime/base/number_text.h"
#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"
#include "training/data/pictures/picture_preparation.h"
#include "training/losses/loss.h"
#include "training/session/data_options.h"
#include "training/session/run_metrics.h"

namespace temper::training {
namespace {

constexpr const char* kVersion = "temper.version";
constexpr const char* kSettings = "temper.metric_settings";
constexpr const char* kSamples = "temper.metric_samples";

// Its name, where one loss of Temper's is all there is.
std::string only_loss(const Session& session) {
  const RunLosses& losses = session.losses();
  return losses.terms.size() == 1 && !losses.lead_term().is_file() ? session.loss_name() : "";
}

// Whether the loss is what its name alone says, so that somebody else comes to the same number.
bool is_plain_loss(const Session& session) {
  const std::string name = only_loss(session);
  if (name.empty() || !session.recipe().sample_weight.empty()) {
    return false;
  }
  const Recipe& recipe = session.recipe();
  const LossTermSettings& term =
      recipe.loss_terms.empty() ? recipe.loss : recipe.loss_terms.front();
  const std::vector<ParameterSpec>& specs = find_loss(name).parameters;
  const auto complete = [&](const Attrs& given) {
    Attrs all = complete_parameters("loss", name, specs, given);
    all.erase("class_axis");  // follows from the shapes
    return all;
  };
  return term.class_weight.empty() && term.loss_weight == 1 &&
         complete(term.loss.parameters) == complete({});
}

// Names that the recipe, the data or the file itself give; none where they would be numbers.
std::vector<std::string> given_classes(const Session& session) {
  if (!metric_task(session).counts_accuracy()) {
    return {};
  }
  std::vector<std::string> names = class_names(session);
  bool numbers = true;
  for (std::size_t i = 0; i < names.size(); ++i) {
    numbers = numbers && names[i] == concat(i);
  }
  const bool made_up = numbers || names == std::vector<std::string>{"negative", "positive"};
  return made_up ? std::vector<std::string>{} : names;
}

std::string settings_text(const MetricSettings& settings) {
  JsonValue json = JsonValue::object();
  json.set("average", settings.average);
  json.set("threshold", settings.threshold);
  json.set("top_k", settings.top_k);
  return json.text();
}

}  // namespace

MetadataEntries model_metadata(const Session& session, const Evaluation* evaluation,
                               const std::string& parent) {
  MetadataEntries entries = {{kVersion, TEMPER_VERSION}, {kParentKey, parent}};
  if (const std::vector<std::string> names = given_classes(session); !names.empty()) {
    entries.emplace_back(kClassesKey, JsonValue::array_of(names).text());
  }
  if (const JsonValue preparation = session.train_data().preprocessing(); !preparation.is_null()) {
    entries.emplace_back(kPreprocessingKey, preparation.text());
  }
  if (const std::string loss = only_loss(session); !loss.empty()) {
    entries.emplace_back(kLossKey, loss);
  }
  entries.emplace_back(kTrainSamplesKey, concat(session.train_count()));
  if (evaluation == nullptr || evaluation->samples == 0) {
    return entries;
  }
  entries.emplace_back(kSamples, concat(evaluation->samples));
  entries.emplace_back(kSettings, settings_text(session.recipe().metrics));
  if (is_plain_loss(session) && std::isfinite(evaluation->loss)) {
    entries.emplace_back(concat(kMetricPrefix, "loss"), concat(evaluation->loss));
  }
  for (const std::string& name : metrics_of(metric_task(session).task)) {
    const std::string logged = logged_name(name, session.recipe().metrics);
    const std::optional<double> value = evaluation->metric(logged);
    if (value && std::isfinite(*value)) {
      entries.emplace_back(concat(kMetricPrefix, logged), concat(*value));
    }
  }
  return entries;
}

MetadataEntries lasting_entries(const graph::OnnxModel& model) {
  MetadataEntries entries;
  for (auto& [key, value] : model.metadata()) {
    if (key.starts_with(kMetadataPrefix) && !is_measure(key) && key != kParentKey &&
        key != kTrainSamplesKey) {
      entries.emplace_back(key, value);
    }
  }
  return entries;
}

ModelClaims model_claims(const graph::OnnxModel& model) {
  ModelClaims claims;
  claims.classes = graph::class_names(model.metadata());
  for (const auto& [key, value] : model.metadata()) {
    const auto json = [&] {
      return parse_json(value, concat(key, " in the metadata of ", model.path()),
                        ErrorCode::kInvalidModel);
    };
    const auto number = [&] {
      const auto read = read_number(value);
      TEMPER_CHECK(read, ErrorCode::kInvalidModel, key, " in the metadata of ", model.path(),
                   " is '", value, "', not a number");
      return *read;
    };
    if (key == kVersion) {
      claims.version = value;
    } else if (key == kLossKey) {
      claims.loss = value;
    } else if (key == kPreprocessingKey) {
      claims.preprocessing = json();
    } else if (key == kTrainSamplesKey) {
      claims.train_samples = static_cast<std::int64_t>(number());
    } else if (key == kSamples) {
      claims.samples = static_cast<std::int64_t>(number());
    } else if (key == kSettings) {
      const JsonValue settings = json();
      claims.settings.emplace();
      claims.settings->average = settings.at("average").as_string(key);
      claims.settings->threshold = settings.at("threshold").as_double(key);
      claims.settings->top_k = settings.at("top_k").as_int(key);
    } else if (key == kClassesKey) {
      claims.classes.clear();
      const JsonValue names = json();
      for (const JsonValue& name : names.as_array(key)) {
        claims.classes.push_back(name.as_string(key));
      }
    } else if (key.starts_with(kMetricPrefix)) {
      claims.metrics.push_back({key.substr(std::string_view(kMetricPrefix).size()), number()});
    }
  }
  return claims;
}

namespace {

// Whether it is worth reading: whoever trains a file does not stumble over what it says wrongly.
bool may_prepare_itself(const graph::OnnxModel& model) {
  for (const auto& [key, value] : model.metadata()) {
    if (key == kPreprocessingKey && value.find("\"inside\"") != std::string::npos) {
      return true;
    }
  }
  return false;
}

bool says(const Recipe& recipe, const char* key) { return recipe.origins.contains(key); }

// As the metadata say, where no key of the recipe says otherwise.
JsonValue claimed_preprocessing(const std::string& path, const JsonValue& claimed,
                                const Recipe& recipe, std::vector<std::string>& notes) {
  if (claimed.is_null()) {
    return {};
  }
  for (const char* key : {"data.scale", "data.mean", "data.std", "data.resize", "data.crop",
                          "data.interpolation", "data.standardize", "data.one_hot"}) {
    if (says(recipe, key)) {
      notes.push_back(concat("the data are prepared as ", key,
                             " and the like say, not as the metadata of ", path, " do"));
      return {};
    }
  }
  notes.push_back(
      concat("the data are prepared as temper.preprocessing in the metadata of ", path, " says"));
  return claimed;
}

// As the file beside the model says, but for the means and deviations of a recipe.
JsonValue written_preprocessing(const std::string& path, const Recipe& recipe) {
  JsonValue all = parse_json(read_text_file(path, 1 << 24), path);
  const JsonValue* images = all.is_object() ? all.find("images") : nullptr;
  if (images == nullptr || (!says(recipe, "data.mean") && !says(recipe, "data.std"))) {
    return all;
  }
  JsonValue changed = *images;
  changed.set("bytes", false);
  if (says(recipe, "data.mean")) {
    changed.set("mean", JsonValue::array_of(recipe.data.mean));
  }
  if (says(recipe, "data.std")) {
    changed.set("std", JsonValue::array_of(recipe.data.std));
  }
  all.set("images", std::move(changed));
  return all;
}

}  // namespace

JsonValue stored_preparation(const graph::OnnxModel& model, const Recipe& recipe, bool wanted,
                             std::vector<std::string>& notes) {
  if (!wanted && !may_prepare_itself(model)) {
    return {};
  }
  const JsonValue claimed = model_claims(model).preprocessing;
  if (is_inside_model(claimed)) {
    for (const auto& [key, used] : {std::pair("data.scale", recipe.data.scale),
                                    {"data.mean", !recipe.data.mean.empty()},
                                    {"data.std", !recipe.data.std.empty()}}) {
      TEMPER_CHECK(!used, ErrorCode::kInvalidArgument, model.path(),
                   " scales and normalises its pictures itself (temper convert "
                   "--embed-preprocessing), and ",
                   key, " would do it before: leave it out");
    }
    notes.push_back(concat(model.path(),
                           " prepares its pictures itself; they are given to it in a "
                           "size that it leaves as it is"));
    return claimed;
  }
  if (!wanted) {
    return {};
  }
  const std::string written = preprocessing_path(recipe.model.path);
  return file_status(written).is_regular
             ? written_preprocessing(written, recipe)
             : claimed_preprocessing(model.path(), claimed, recipe, notes);
}

}  // namespace temper::training
