#include "training/session/run_metrics.h"

#include <algorithm>

#include "runtime/base/error.h"
#include "training/compile/loss_graph.h"
#include "training/objective/inferred_loss.h"
#include "training/session/model_metadata.h"

namespace temper::training {
namespace {

std::int64_t values_per_sample(const Shape& output) { return output.count(1, output.rank()); }

// Of samples that differ in length, where the steps come first; else each value is for itself.
std::int64_t values_per_step(const Session& session, const Shape& output) {
  const std::int64_t longest = session.lengths().longest();
  return output.rank() > 1 && output[1] == longest ? values_per_sample(output) / longest : 1;
}

// Outputs that are each one yes or no.
Task binary_task(const Shape& output) {
  const bool one = output.rank() < 2 || output[1] == 1;
  if (one) {
    return values_per_sample(output) == 1 ? Task::kBinary : Task::kBinaryMask;
  }
  return Task::kMultiLabel;
}

Task class_task(std::string_view loss, const Shape& output) {
  // [N, C, L] are tokens where the loss is a likelihood, and pixels of a line where it is not.
  const bool likelihood = loss == "cross_entropy" || loss == "nll";
  return output.rank() == 2                 ? Task::kClassification
         : output.rank() == 3 && likelihood ? Task::kLanguage
                                            : Task::kSegmentation;
}

// dice and jaccard take probabilities of any kind; focal and cross_entropy take logits.
void read_class_scores(const Session& session, MetricTask& made) {
  const Attrs& parameters = session.losses().lead_term().loss.parameters;
  const std::string& loss = session.loss_name();
  const std::string activation = parameters.get_string("activation", "auto");
  const bool overlap = parameters.has("activation");
  const bool softmax =
      session.has_class_target() || activation == "softmax" || (!overlap && loss != "focal");
  made.scores = scores_behind(session.losses().lead_end,
                              activation == "none" ? Scores::kProbabilities
                              : loss == "nll"      ? Scores::kLogProbabilities
                                                   : Scores::kLogits,
                              softmax);
  made.task = softmax ? class_task(loss, session.loss_output_shape())
                      : binary_task(session.loss_output_shape());
  made.ignore_index = parameters.get_int("ignore_index", -100);
}

// The setting that is logged under this name; empty when there is none.
std::string setting_of(Task task, const std::string& logged, const MetricSettings& settings) {
  for (const std::string& name : metrics_of(task)) {
    if (logged_name(name, settings) == logged) {
      return name;
    }
  }
  return {};
}

}  // namespace

MetricTask metric_task(const Session& session) {
  MetricTask made;
  const Shape& output = session.loss_output_shape();
  if (output.rank() == 0) {
    return made;
  }
  switch (session.losses().lead_prediction) {
    case PredictionKind::kClassScores:
      read_class_scores(session, made);
      break;
    case PredictionKind::kBinaryLogits:
      made.task = binary_task(output);
      made.scores = scores_behind(session.losses().lead_end, made.scores, false);
      break;
    case PredictionKind::kProbabilities:
      made.task = binary_task(output);
      made.scores = Scores::kProbabilities;
      break;
    case PredictionKind::kRegression:
      made.task = Task::kRegression;
      if (session.loss_name() == "poisson_nll" &&
          session.losses().lead_term().loss.parameters.get_int("log_input", 1) != 0) {
        made.scores = Scores::kLogProbabilities;
      }
      break;
    case PredictionKind::kOther:
      break;
  }
  const bool filled = !session.losses().terms.empty() && session.losses().lead_term().filled_up;
  made.classes = made.task == Task::kRegression && filled ? values_per_step(session, output)
                 : made.task == Task::kRegression         ? values_per_sample(output)
                 : output.rank() < 2                      ? 1
                                                          : output[1];
  return made;
}

MetricSettings wanted_metrics(const Session& session) {
  MetricSettings settings = session.recipe().metrics;
  const MetricTask task = metric_task(session);
  settings.names = chosen_metrics(task.task, settings, task.classes);
  const std::string& monitor = session.recipe().checkpoint.monitor;
  constexpr std::string_view kVal = "val/";
  if (monitor.starts_with(kVal)) {
    const std::string name = setting_of(task.task, monitor.substr(kVal.size()), settings);
    if (!name.empty() &&
        std::find(settings.names.begin(), settings.names.end(), name) == settings.names.end()) {
      settings.names.push_back(name);
    }
  }
  return settings;
}

SetMetrics make_set_metrics(const Session& session, const MetricSettings& settings) {
  const MetricTask task = metric_task(session);
  return {task.task, task.scores, task.classes, settings, task.ignore_index};
}

std::vector<std::string> monitor_names(const Session& session) {
  std::vector<std::string> names = {"train/loss"};
  const MetricTask task = metric_task(session);
  if (task.counts_accuracy()) {
    names.emplace_back("train/accuracy");
  }
  const auto add_parts = [&](const char* prefix, bool training) {
    for (const std::string& label : loss_part_labels(session.engine().settings(), training)) {
      names.push_back(prefix + label);
    }
  };
  add_parts("train/loss/", true);
  if (session.has_validation()) {
    names.emplace_back("val/loss");
    add_parts("val/loss/", false);
    for (const std::string& name : metrics_of(task.task)) {
      names.push_back("val/" + logged_name(name, session.recipe().metrics));
    }
  }
  return names;
}

const Tensor* target_of(const Session& session, const Batch& batch) {
  const std::vector<Field>& fields = session.train_data().fields();
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].is_target) {
      return &batch.fields[i];
    }
  }
  return nullptr;
}

AccuracySettings accuracy_settings(const Session& session) {
  AccuracySettings settings;
  const MetricTask task = metric_task(session);
  const RunLosses& losses = session.losses();
  const std::vector<Field>& fields = session.train_data().fields();
  const auto target = std::find_if(fields.begin(), fields.end(),
                                   [](const Field& field) { return field.is_target; });
  const std::optional<Port> port = target == fields.end() ? std::nullopt : losses.port_of(*target);
  const bool filled = !losses.terms.empty() && losses.lead_term().filled_up;
  if (!task.counts_accuracy() || !port || filled) {
    return settings;
  }
  const bool classes = task.task == Task::kClassification || task.task == Task::kSegmentation ||
                       task.task == Task::kLanguage;
  settings.kind = classes ? AccuracySettings::Kind::kClasses : AccuracySettings::Kind::kBinary;
  settings.output = session.loss_output();
  settings.target = *port;
  settings.classes_last =
      classes_last(losses.lead_term().loss.parameters) && session.loss_output_shape().rank() > 2;
  settings.ignore_index = task.ignore_index;
  settings.threshold = score_threshold(task.scores, session.recipe().metrics.threshold);
  return settings;
}

std::vector<std::string> class_names(const Session& session) {
  const MetricTask task = metric_task(session);
  const bool two = task.task == Task::kBinary || task.task == Task::kBinaryMask;
  const auto count = static_cast<std::size_t>(two ? 2 : task.classes);
  const std::vector<std::string>& written = session.recipe().data.class_names;
  TEMPER_CHECK(written.empty() || !task.counts_accuracy() || written.size() == count,
               ErrorCode::kInvalidArgument, "data.class_names has ", written.size(),
               " names, the model tells ", count, " classes apart");
  std::vector<std::string> names = written.empty() ? session.train_data().class_names() : written;
  if (names.size() > count) {  // not of this target
    names.clear();
  }
  if (names.empty() && task.counts_accuracy()) {
    const std::vector<std::string> of_file = model_claims(session.model()).classes;
    names = of_file.size() == count ? of_file : names;
  }
  if (names.empty() && two) {
    return {"negative", "positive"};
  }
  for (std::size_t i = names.size(); i < count; ++i) {
    names.push_back(concat(i));
  }
  return names;
}

}  // namespace temper::training
