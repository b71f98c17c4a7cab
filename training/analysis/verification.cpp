#include "training/analysis/verification.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "graph/onnx/structure.h"
#include "runtime/base/error.h"
#include "runtime/base/number_text.h"
#include "training/losses/loss.h"
#include "training/metrics/metric_spec.h"
#include "training/session/evaluation.h"
#include "training/session/run_metrics.h"

namespace temper::training {
namespace {

bool is_less_better(const std::string& metric) {
  return metric == "loss" || less_is_better(concat("val/", metric));
}

// What a file's claim asks for.
VerifiedMetric of_claim(const MetricValue& claim, double tolerance) {
  const bool less = is_less_better(claim.name);
  const double room = less ? tolerance * std::abs(claim.value) : tolerance;
  VerifiedMetric made;
  made.condition = {claim.name, less ? "<=" : ">=", less ? claim.value + room : claim.value - room};
  made.claimed = claim.value;
  return made;
}

// "top5" -> 5: the metric top_k of that many.
void settle_top_k(const std::vector<VerifiedMetric>& metrics, MetricSettings& settings) {
  for (const VerifiedMetric& metric : metrics) {
    const std::string& name = metric.condition.metric;
    std::int64_t k = 0;
    const char* end = name.data() + name.size();
    if (name.starts_with("top") && name.size() > 3 &&
        std::from_chars(name.data() + 3, end, k).ptr == end && k > 0) {
      settings.top_k = k;
    }
  }
}

// The types of what is stored, and what Temper computes in.
std::string arithmetic_of(const graph::OnnxModel& model) {
  std::map<std::string, int> counts;
  for (const graph::StoredWeight& weight : graph::stored_weights(model)) {
    if (weight.type != "i64" && weight.type != "i32" && weight.type != "bool") {
      ++counts[weight.type];
    }
  }
  std::vector<std::string> parts;
  for (const auto& [type, count] : counts) {
    parts.push_back(concat(count, " tensors ", type));
  }
  const bool half = counts.contains("f16") || counts.contains("bf16");
  return concat(parts.empty() ? "no stored tensors" : join(parts, ", "),
                half ? "; 16-bit floats are computed in f32 here, unlike in runtimes that compute "
                       "in 16 bits"
                     : "");
}

double value_of(const Evaluation& evaluation, const std::string& name) {
  if (name == "loss") {
    return evaluation.loss;
  }
  const std::optional<double> found = evaluation.metric(name);
  if (!found) {
    std::vector<std::string> known = {"loss"};
    for (const MetricValue& metric : evaluation.metrics) {
      known.push_back(metric.name);
    }
    const std::string hint = nearest(name, known);
    fail(ErrorCode::kInvalidArgument, "this model and these data have no metric '", name,
         "'; they have ", join(known, ", "),
         hint.empty() ? "" : concat(" (did you mean ", hint, "?)"));
  }
  return *found;
}

std::vector<VerifiedMetric> asked_of(const VerifyOptions& options, const ModelClaims& claims,
                                     const std::string& model) {
  std::vector<VerifiedMetric> metrics;
  for (const MetricCondition& condition : options.conditions) {
    metrics.push_back({condition, {}, 0, false});
  }
  if (!metrics.empty()) {
    return metrics;
  }
  for (const MetricValue& claim : claims.metrics) {
    metrics.push_back(of_claim(claim, options.tolerance));
  }
  TEMPER_CHECK(!metrics.empty(), ErrorCode::kInvalidArgument, model,
               " claims no metrics in its metadata (temper.metric.NAME, as temper train writes "
               "them): say what it must reach, such as --metric 'accuracy>=0.98'");
  return metrics;
}

// The loss that the file was trained by, and how its metrics were counted, where the recipe does
// not say it.
void take_claims(const ModelClaims& claims, Recipe& recipe) {
  const bool open =
      recipe.loss.loss.name.empty() && !recipe.loss.is_file() && recipe.loss_terms.empty();
  if (open && !claims.loss.empty()) {
    recipe.loss.loss = {claims.loss, complete_parameters("loss", claims.loss,
                                                         find_loss(claims.loss).parameters, {})};
    recipe.origins["loss.name"] = "the model's metadata";
  }
  if (!claims.settings) {
    return;
  }
  if (!recipe.origins.contains("metrics.average")) {
    recipe.metrics.average = claims.settings->average;
  }
  if (!recipe.origins.contains("metrics.threshold")) {
    recipe.metrics.threshold = claims.settings->threshold;
  }
  if (!recipe.origins.contains("metrics.top_k")) {
    recipe.metrics.top_k = claims.settings->top_k;
  }
}

}  // namespace

bool MetricCondition::holds(double value) const {
  return compare == ">="   ? value >= bound
         : compare == "<=" ? value <= bound
         : compare == ">"  ? value > bound
                           : value < bound;
}

MetricCondition read_condition(std::string_view text) {
  const std::size_t at = text.find_first_of("<>");
  const bool equal = at != std::string_view::npos && at + 1 < text.size() && text[at + 1] == '=';
  const std::size_t number = at == std::string_view::npos ? at : at + (equal ? 2 : 1);
  const auto bound = at == std::string_view::npos ? std::nullopt : read_number(text.substr(number));
  TEMPER_CHECK(at != std::string_view::npos && at > 0 && bound && std::isfinite(*bound),
               ErrorCode::kInvalidArgument, "'", text,
               "' is no condition on a metric; write NAME>=NUMBER, or with <=, > or <, such as "
               "'accuracy>=0.98'");
  return {std::string(text.substr(0, at)), std::string(text.substr(at, equal ? 2 : 1)), *bound};
}

bool Verification::holds() const {
  return std::all_of(metrics.begin(), metrics.end(),
                     [](const VerifiedMetric& metric) { return metric.holds; });
}

Verification verify_model(Recipe recipe, const VerifyOptions& options) {
  const std::string path = recipe.model.path;
  const graph::OnnxModel model = graph::OnnxModel::load(path, {recipe.model.external_data_root});
  const ModelClaims claims = model_claims(model);
  Verification made;
  made.metrics = asked_of(options, claims, path);
  made.arithmetic = arithmetic_of(model);
  take_claims(claims, recipe);
  settle_top_k(made.metrics, recipe.metrics);
  recipe.metrics.names = {std::string(kAllMetrics)};
  SessionNeeds needs;
  needs.stored_preprocessing = true;
  needs.trains = false;
  Session session(std::move(recipe), {}, needs);
  SetMetrics set = make_set_metrics(session, session.recipe().metrics);
  const Evaluation evaluation = evaluate_training_rows(session, set);
  made.notes = session.notes();
  made.samples = evaluation.samples;
  if (!evaluation.trouble.empty()) {
    made.notes.push_back(evaluation.trouble);
  }
  if (options.conditions.empty() && claims.samples != evaluation.samples) {
    made.notes.push_back(concat("the claims are of ", claims.samples,
                                " samples, and these data have ", evaluation.samples));
  }
  for (VerifiedMetric& metric : made.metrics) {
    metric.value = value_of(evaluation, metric.condition.metric);
    metric.holds = metric.condition.holds(metric.value);
  }
  return made;
}

}  // namespace temper::training
