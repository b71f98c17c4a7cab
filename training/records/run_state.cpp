#include "training/records/run_state.h"

#include <string_view>
#include <type_traits>

#include "runtime/base/error.h"

namespace temper::training {
namespace {

template <class T>
constexpr bool kIsList =
    std::is_same_v<T, std::vector<double>> || std::is_same_v<T, std::vector<std::int64_t>>;

// Of state.json and of the names in the files beside it (checkpoint_places.h). Raised when a field
// or a name changes its meaning; a field that is missing has its default. Format 1 named optimizer
// state in a way that a tensor of the model could have, too.
constexpr std::int64_t kFormat = 2;
constexpr std::int64_t kOldestFormat = 2;

// Without these there is no going on.
bool is_needed(std::string_view key) {
  return key == "epoch" || key == "position" || key == "attempted" || key == "applied";
}

// Every field of the state with its key: what is saved is what is listed here.
template <class State, class Field>
void for_each_field(State& state, Field&& field) {
  field("epoch", state.data.epoch);
  field("position", state.data.position);
  field("attempted", state.attempted);
  field("applied", state.applied);
  field("skipped", state.skipped);
  field("consecutive_skips", state.consecutive_skips);
  field("bad_evaluations", state.bad_evaluations);
  field("has_best", state.has_best);
  field("best_metric", state.best_metric);
  field("best_step", state.best_step);
  field("best_loss", state.best_evaluation.loss);
  field("best_samples", state.best_evaluation.samples);
  field("best_metrics", state.best_evaluation.metrics);
  field("given_loss", state.given_evaluation.loss);
  field("given_samples", state.given_evaluation.samples);
  field("given_metrics", state.given_evaluation.metrics);
  field("last_loss", state.last_evaluation.loss);
  field("last_samples", state.last_evaluation.samples);
  field("last_metrics", state.last_evaluation.metrics);
  field("evaluated_step", state.evaluated_step);
  field("has_trained", state.has_trained);
  field("first_trained_metric", state.first_trained_metric);
  field("best_trained_metric", state.best_trained_metric);
  field("best_trained_step", state.best_trained_step);
  field("top_steps", state.top_steps);
  field("top_metrics", state.top_metrics);
  field("seconds", state.seconds);
  field("metrics_bytes", state.metrics_bytes);
  field("loss_steps", state.loss_steps);
  field("loss_sums", state.loss_sums);
  field("correct", state.correct);
  field("counted", state.counted);
  field("epoch_loss_sums", state.epoch_loss_sums);
  field("epoch_correct", state.epoch_correct);
  field("epoch_counted", state.epoch_counted);
  field("sums", state.sums);
  field("last_norm", state.last_norm);
  field("last_norm_clipped", state.last_norm_clipped);
  field("largest_norm", state.largest_norm);
  field("clipped_steps", state.clipped_steps);
  field("nonfinite", state.nonfinite);
  field("given_not_finite", state.given_not_finite);
  field("spike_window", state.spike_window);
  field("spikes", state.spikes);
  field("rollbacks", state.rollbacks);
  field("snapshot_applied", state.snapshot_applied);
  field("snapshot_step", state.snapshot_step);
  field("average_updates", state.average_updates);
  field("plateau_has_best", state.plateau.has_best);
  field("plateau_best", state.plateau.best);
  field("plateau_bad", state.plateau.bad);
  field("plateau_cooldown", state.plateau.cooldown);
  field("plateau_reductions", state.plateau.reductions);
  field("last_train_loss", state.last_train_loss);
  field("last_train_accuracy", state.last_train_accuracy);
  field("last_train_parts", state.last_train_parts);
  field("total_steps", state.total_steps);
  field("average_start", state.average_start);
  field("settings_hash", state.settings_hash);
  field("files", state.files);
  field("numerics", state.numerics);
}

}  // namespace

JsonValue to_json(const RunState& state) {
  JsonValue json = JsonValue::object();
  json.set("format", kFormat);
  for_each_field(state, [&]<class T>(const char* key, const T& value) {
    if constexpr (std::is_same_v<T, std::uint64_t>) {
      json.set(key, static_cast<std::int64_t>(value));
    } else if constexpr (kIsList<T>) {
      json.set(key, JsonValue::array_of(value));
    } else if constexpr (std::is_same_v<T, std::map<std::string, double>> ||
                         std::is_same_v<T, std::map<std::string, std::string>>) {
      JsonValue members = JsonValue::object();
      for (const auto& [name, held] : value) {
        members.set(name, held);
      }
      json.set(key, std::move(members));
    } else if constexpr (std::is_same_v<T, std::vector<MetricValue>>) {
      JsonValue members = JsonValue::object();
      for (const auto& [name, number] : value) {
        members.set(name, number);
      }
      json.set(key, std::move(members));
    } else {
      json.set(key, value);
    }
  });
  return json;
}

RunState run_state_from_json(const JsonValue& json) {
  const std::int64_t format = json.at("format").as_int("format");
  TEMPER_CHECK(format >= kOldestFormat && format <= kFormat, ErrorCode::kInvalidModel,
               "state.json has format ", format, ", this version of Temper reads format ", kFormat,
               "; go on with the version that wrote it");
  RunState state;
  for_each_field(state, [&]<class T>(const char* key, T& value) {
    const JsonValue* const held = is_needed(key) ? &json.at(key) : json.find(key);
    if (held == nullptr) {
      return;
    }
    const JsonValue& found = *held;
    if constexpr (std::is_same_v<T, bool>) {
      value = found.as_bool(key);
    } else if constexpr (std::is_integral_v<T>) {
      value = static_cast<T>(found.as_int(key));
    } else if constexpr (std::is_floating_point_v<T>) {
      value = found.as_double(key);
    } else if constexpr (kIsList<T>) {
      for (const JsonValue& element : found.as_array(key)) {
        if constexpr (std::is_same_v<T, std::vector<double>>) {
          value.push_back(element.as_double(key));
        } else {
          value.push_back(element.as_int(key));
        }
      }
    } else if constexpr (std::is_same_v<T, std::map<std::string, double>>) {
      for (const JsonMember& member : found.as_object(key)) {
        value[member.key] = member.value.as_double(member.key);
      }
    } else if constexpr (std::is_same_v<T, std::map<std::string, std::string>>) {
      for (const JsonMember& member : found.as_object(key)) {
        value[member.key] = member.value.as_string(member.key);
      }
    } else if constexpr (std::is_same_v<T, std::vector<MetricValue>>) {
      for (const JsonMember& member : found.as_object(key)) {
        value.push_back({member.key, member.value.as_double(member.key)});
      }
    } else {
      value = found.as_string(key);
    }
  });
  return state;
}

}  // namespace temper::training
