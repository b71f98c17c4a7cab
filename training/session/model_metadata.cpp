#include "training/session/model_metadata.h"

#include <algorithm>
#include <cmath>

#include "graph/onnx/class_names.h"
#include "runtime/base/error.h"
#include "runtime/base/number_text.h"
#include "training/losses/loss.h"
#include "training/session/run_metrics.h"

namespace temper::training {
namespace {

constexpr const char* kVersion = "temper.version";
constexpr const char* kClasses = "temper.classes";
constexpr const char* kPreprocessing = "temper.preprocessing";
constexpr const char* kLoss = "temper.loss";
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
    entries.emplace_back(kClasses, JsonValue::array_of(names).text());
  }
  if (const JsonValue preparation = session.train_data().preprocessing(); !preparation.is_null()) {
    entries.emplace_back(kPreprocessing, preparation.text());
  }
  if (const std::string loss = only_loss(session); !loss.empty()) {
    entries.emplace_back(kLoss, loss);
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
    } else if (key == kLoss) {
      claims.loss = value;
    } else if (key == kPreprocessing) {
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
    } else if (key == kClasses) {
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

JsonValue claimed_preprocessing(const graph::OnnxModel& model, const Recipe& recipe,
                                std::vector<std::string>& notes) {
  JsonValue claimed = model_claims(model).preprocessing;
  if (claimed.is_null()) {
    return {};
  }
  for (const char* key : {"data.scale", "data.mean", "data.std", "data.resize", "data.crop",
                          "data.interpolation", "data.standardize", "data.one_hot"}) {
    if (recipe.origins.contains(key)) {
      notes.push_back(concat("the data are prepared as ", key,
                             " and the like say, not as the metadata of ", model.path(), " do"));
      return {};
    }
  }
  notes.push_back(concat("the data are prepared as temper.preprocessing in the metadata of ",
                         model.path(), " says"));
  return claimed;
}

}  // namespace temper::training
