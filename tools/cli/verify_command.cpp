// `temper verify`: a model's metrics on data, against what is asked or what its file claims.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "runtime/base/error.h"
#include "runtime/base/number_text.h"
#include "tools/cli/command.h"
#include "tools/cli/device_option.h"
#include "tools/cli/quick_recipe.h"
#include "training/analysis/verification.h"
#include "training/formats/json.h"

namespace temper::cli {
namespace {

using training::JsonValue;
using training::Verification;
using training::VerifiedMetric;

training::VerifyOptions options_of(const Arguments& arguments) {
  training::VerifyOptions options;
  const std::string text = arguments.text("--metric");
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    options.conditions.push_back(
        training::read_condition(std::string_view(text).substr(begin, end - begin)));
    begin = end + 1;
  }
  if (arguments.has("--tolerance")) {
    const auto number = read_number(arguments.text("--tolerance"));
    TEMPER_CHECK(number && *number >= 0, ErrorCode::kInvalidArgument, "--tolerance is '",
                 arguments.text("--tolerance"), "', expected a number such as 0.01");
    options.tolerance = *number;
  }
  return options;
}

training::Recipe recipe_of(const Arguments& arguments) {
  const auto [data, settings] = required_data(arguments, 1, "temper verify");
  training::Recipe recipe =
      make_quick_recipe({arguments.positional(0), data, arguments.text("--loss"), settings});
  recipe.data.batch_size = arguments.integer("--batch-size", recipe.data.batch_size, 1);
  recipe.train.threads = arguments.integer("--threads", recipe.train.threads, 1);
  take_device(arguments, recipe);
  return recipe;
}

JsonValue json_of(const Verification& made) {
  JsonValue metrics = JsonValue::array();
  for (const VerifiedMetric& metric : made.metrics) {
    JsonValue one = JsonValue::object();
    one.set("metric", metric.condition.metric);
    one.set("value", metric.value);
    one.set("condition", metric.condition.compare);
    one.set("bound", metric.condition.bound);
    one.set("claimed", metric.claimed ? JsonValue(*metric.claimed) : JsonValue());
    one.set("holds", metric.holds);
    metrics.push_back(std::move(one));
  }
  JsonValue json = JsonValue::object();
  json.set("holds", made.holds());
  json.set("metrics", std::move(metrics));
  json.set("samples", made.samples);
  json.set("arithmetic", made.arithmetic);
  json.set("notes", JsonValue::array_of(made.notes));
  return json;
}

void print(const Verification& made, const std::string& model) {
  std::printf("model       %s\nsamples     %lld\narithmetic  %s\n", model.c_str(),
              static_cast<long long>(made.samples), made.arithmetic.c_str());
  for (const VerifiedMetric& metric : made.metrics) {
    std::printf(
        "%-11s %s, %s %s%s: %s\n", metric.condition.metric.c_str(),
        digits_text(metric.value, 6).c_str(), metric.condition.compare.c_str(),
        digits_text(metric.condition.bound, 6).c_str(),
        metric.claimed ? concat(" (", digits_text(*metric.claimed, 6), " claimed)").c_str() : "",
        metric.holds ? "holds" : "does NOT hold");
  }
  std::printf("%s\n", made.holds() ? "verified" : "not verified");
}

int run(const Arguments& arguments) {
  const Verification made = training::verify_model(recipe_of(arguments), options_of(arguments));
  if (arguments.has("--json")) {
    std::printf("%s\n", json_of(made).text().c_str());
  } else {
    print_notes(made.notes);
    print(made, arguments.positional(0));
  }
  return made.holds() ? 0 : 1;
}

}  // namespace

Command verify_command() {
  return {
      "verify",
      "whether a model file is as good on data as asked, or as it claims: for CI",
      "Runs the file as it is, whatever its precision, on all rows of DATA. Without --metric the\n"
      "metrics are checked that `temper train` wrote into the file's metadata (temper inspect "
      "shows\n"
      "them); loss, class names and preparation of the data come from there too, unless keys of a\n"
      "recipe say otherwise. Exit code 0: every condition holds; 1: one does not (and then no\n"
      "error is printed); others: an error. docs/verify.md has more.\n",
      {{"MODEL", "the ONNX file"},
       {"DATA|KEY=VALUE",
        "inputs and `target`, such as an .npz; then any key of a recipe, such as data.scale=true",
        false, true}},
      {{"--data", "FILE", "DATA, as an option"},
       {"--metric", "CONDITIONS", "such as 'accuracy>=0.98' or 'accuracy>=0.98,loss<0.1'"},
       {"--tolerance", "T",
        "how much worse than claimed: so much, or of losses and errors such a share; 0.001 when "
        "left out"},
       {"--loss", "NAME",
        "such as mse or cross_entropy; of the metadata, or inferred, when left out"},
       {"--batch-size", "N", "samples per batch; 32 when left out"},
       {"--threads", "N", "threads; all processors when left out"},
       device_option(),
       {"--json", "", "one JSON line, and errors as JSON"}},
      run};
}

}  // namespace temper::cli
