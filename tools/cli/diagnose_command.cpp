// `temper diagnose`: some steps of a recipe looked at from inside, and what stands out.
#include <cmath>
#include <cstdio>

#include "runtime/base/error.h"
#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"
#include "runtime/platform/signals.h"
#include "tools/cli/command.h"
#include "tools/cli/device_option.h"
#include "tools/cli/diagnosis_charts.h"
#include "tools/cli/recipe_words.h"
#include "training/analysis/diagnosis.h"
#include "training/formats/json.h"
#include "training/records/run_directory.h"
#include "training/records/tensorboard_log.h"

namespace temper::cli {
namespace {

using training::ActivationStats;
using training::Diagnosis;
using training::Distribution;
using training::Finding;
using training::JsonValue;
using training::TensorDiagnosis;

JsonValue list_of(const std::vector<double>& values) {
  JsonValue list = JsonValue::array();
  for (const double value : values) {
    list.push_back(std::isfinite(value) ? JsonValue(value) : JsonValue());
  }
  return list;
}

JsonValue json_of(const Distribution& distribution) {
  JsonValue json = JsonValue::object();
  json.set("mean", distribution.mean);
  json.set("deviation", distribution.deviation);
  json.set("min", distribution.low);
  json.set("max", distribution.high);
  return json;
}

JsonValue json_of(const TensorDiagnosis& tensor) {
  JsonValue json = JsonValue::object();
  json.set("name", tensor.name);
  json.set("gradient_norm", list_of(tensor.gradient_norms));
  json.set("weight_norm", list_of(tensor.weight_norms));
  json.set("update_ratio", list_of(tensor.update_ratios));
  json.set("before", json_of(tensor.before));
  json.set("after", json_of(tensor.after));
  return json;
}

JsonValue json_of(const ActivationStats& stats, std::int64_t steps) {
  JsonValue json = JsonValue::object();
  json.set("name", stats.layer().name);
  json.set("op", stats.layer().op);
  json.set("mean", stats.mean());
  json.set("deviation", stats.deviation());
  json.set("zeros", stats.zero_share());
  json.set("saturated", stats.saturated_share());
  json.set("not_finite", stats.not_finite_share());
  if (stats.can_die()) {
    json.set("units", stats.units());
    json.set("dead", stats.dead());
    json.set("died", stats.idle_since(steps / 2) - stats.dead());
  }
  return json;
}

JsonValue json_of(const Diagnosis& diagnosis) {
  JsonValue json = JsonValue::object();
  json.set("steps", diagnosis.steps);
  json.set("skipped", diagnosis.skipped);
  JsonValue findings = JsonValue::array();
  for (const Finding& finding : diagnosis.findings) {
    JsonValue one = JsonValue::object();
    one.set("problem", finding.problem);
    one.set("subject", finding.subject);
    one.set("text", finding.text);
    one.set("advice", finding.advice);
    findings.push_back(std::move(one));
  }
  json.set("findings", std::move(findings));
  json.set("loss", list_of(diagnosis.losses));
  json.set("gradient_norm", list_of(diagnosis.gradient_norms));
  JsonValue tensors = JsonValue::array();
  for (const TensorDiagnosis& tensor : diagnosis.tensors) {
    tensors.push_back(json_of(tensor));
  }
  json.set("tensors", std::move(tensors));
  JsonValue layers = JsonValue::array();
  for (const ActivationStats& stats : diagnosis.layers) {
    layers.push_back(json_of(stats, diagnosis.steps));
  }
  json.set("layers", std::move(layers));
  JsonValue frozen = JsonValue::array();
  for (const training::FrozenTensor& tensor : diagnosis.frozen) {
    JsonValue one = JsonValue::object();
    one.set("name", tensor.name);
    one.set("why", tensor.why);
    frozen.push_back(std::move(one));
  }
  json.set("frozen", std::move(frozen));
  return json;
}

// What stands out, one finding a paragraph, the problems first.
std::string text_of(const Diagnosis& diagnosis) {
  std::string text = concat(diagnosis.steps, " steps, ", diagnosis.tensors.size(), " tensors, ",
                            diagnosis.layers.size(), " layers\n");
  for (const Finding& finding : diagnosis.findings) {
    text += concat(finding.problem ? "\n!! " : "\n-- ", finding.subject, ": ", finding.text, "\n");
    if (!finding.advice.empty()) {
      text += concat("   try: ", finding.advice, "\n");
    }
  }
  return text;
}

std::vector<std::string> write_results(const Diagnosis& diagnosis, const std::string& folder) {
  write_file_atomically(join_path(folder, "diagnosis.json"), json_of(diagnosis).text(2) + "\n");
  write_file_atomically(join_path(folder, "diagnosis.txt"), text_of(diagnosis));
  // Later than the first file's steps, which readers would drop otherwise.
  training::EventFile events(join_path(folder, "tensorboard"), diagnosis.steps + 1);
  events.text(diagnosis.steps, "diagnosis", concat("```\n", text_of(diagnosis), "```"));
  std::vector<std::string> written;
  if (!charts::why_no_charts().empty()) {
    return written;
  }
  for (const auto& [name, figure] : diagnosis_charts(diagnosis)) {
    written.push_back(join_path(folder, name));
    charts::write_chart(figure, written.back());
    const charts::Png png = charts::chart_png(figure);
    events.image(diagnosis.steps, "charts/" + name, png.bytes, png.width, png.height);
  }
  return written;
}

int run(const Arguments& arguments) {
  TypedRecipe typed = read_one_model_recipe(arguments, 0, "temper diagnose");
  take_device(arguments, typed.recipe);
  training::DiagnosisOptions options;
  options.steps = arguments.integer("--steps", options.steps, 2);
  const StopSignals signals;
  training::Session session(std::move(typed.recipe), {}, training::diagnosis_needs());
  print_notes(typed.inferred);
  print_notes(session.notes());
  const std::string folder = training::make_output_directory(arguments.text("--out"),
                                                             recipe_name(typed.file) + "-diagnose");
  options.tensorboard = join_path(folder, "tensorboard");
  options.stepped = [&](std::int64_t) { return !signals.requested(); };
  const Diagnosis diagnosis = training::diagnose(session, options);
  const std::vector<std::string> charts = write_results(diagnosis, folder);
  if (arguments.has("--json")) {
    JsonValue json = json_of(diagnosis);
    json.set("folder", folder);
    std::printf("%s\n", json.text().c_str());
  } else {
    std::fputs(text_of(diagnosis).c_str(), stdout);
    std::printf("\n");
    for (const std::string& chart : charts) {
      std::printf("chart        %s.png\n", chart.c_str());
    }
    if (const std::string why = charts::why_no_charts(); !why.empty()) {
      std::printf("charts       none: %s\n", why.c_str());
    }
    std::printf("all figures  %s\ntensorboard  %s\n", join_path(folder, "diagnosis.json").c_str(),
                options.tensorboard.c_str());
  }
  if (diagnosis.interrupted) {
    std::fprintf(stderr, "stopped by %s after step %lld; nothing was changed\n",
                 signals.signal_name(), static_cast<long long>(diagnosis.steps));
    return kStoppedExitCode;
  }
  return 0;
}

}  // namespace

Command diagnose_command() {
  return {
      "diagnose",
      "looks into the first steps of training: gradients, updates, weights, activations, dead "
      "units",
      "Some steps by the recipe, and in words what stands out: vanishing or exploding gradients by "
      "layer, dead units,\n"
      "saturated activations, updates that are too large or too small. Nothing that was trained is "
      "kept. The charts,\n"
      "diagnosis.json and TensorBoard's histograms go to --out, or runs/RECIPE-diagnose-N.",
      {{"RECIPE", "RECIPE.toml, or MODEL.onnx DATA"},
       {"KEY=VALUE", "settings that win over the recipe", false, true}},
      {{"--steps", "N", "optimizer steps; 50"},
       {"--out", "DIR", "a new or empty folder for the results"},
       device_option(),
       {"--json", "", "results and errors as JSON"}},
      run};
}

}  // namespace temper::cli
