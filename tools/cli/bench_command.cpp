// `temper bench`: times whole training steps on one batch in memory, which is made up where no data
// are given. With --serve it is one side of
// tools/bench/vs_torch.py.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backends/backends.h"
#include "graph/onnx/import.h"
#include "runtime/base/error.h"
#include "runtime/base/number_text.h"
#include "runtime/platform/clock.h"
#include "runtime/platform/process.h"
#include "tools/cli/command.h"
#include "tools/cli/device_option.h"
#include "tools/cli/named_sizes.h"
#include "tools/cli/quick_recipe.h"
#include "training/analysis/made_batch.h"
#include "training/analysis/step_work.h"
#include "training/formats/json.h"
#include "training/session/single_batch.h"

namespace temper::cli {
namespace {

using training::JsonValue;
using training::SingleBatch;

constexpr int kGateSteps = 20;  // losses given with the first line of --serve, for comparison
constexpr int kWarmUpSteps = 3;
constexpr double kDefaultSeconds = 3;
constexpr std::size_t kProfileRows = 40;
constexpr std::int64_t kMadeRows = 32;  // of a batch that is made up
constexpr double kMebibyte = 1 << 20;

struct Timing {
  std::vector<double> milliseconds;  // sorted
  double loss = 0;

  double median() const {
    const std::size_t half = milliseconds.size() / 2;
    return milliseconds.size() % 2 == 1 ? milliseconds[half]
                                        : (milliseconds[half - 1] + milliseconds[half]) / 2;
  }
};

Timing time_steps(SingleBatch& batch, double seconds) {
  Timing timing;
  const double end = steady_seconds() + seconds;
  for (double began = steady_seconds(); timing.milliseconds.empty() || began < end;) {
    timing.loss = batch.step();
    const double now = steady_seconds();
    timing.milliseconds.push_back((now - began) * 1e3);
    began = now;
  }
  std::sort(timing.milliseconds.begin(), timing.milliseconds.end());
  return timing;
}

JsonValue json_of(const Timing& timing) {
  JsonValue line = JsonValue::object();
  line.set("steps", static_cast<std::int64_t>(timing.milliseconds.size()));
  line.set("min_ms", timing.milliseconds.front());
  line.set("median_ms", timing.median());
  line.set("loss", timing.loss);
  return line;
}

// Since the process began: until the first kernel of the first step, and until that step's end.
struct StartTimes {
  double kernel_ms = 0, first_ms = 0;

  void write_to(JsonValue& line) const {
    line.set("kernel_ms", kernel_ms);
    line.set("first_ms", first_ms);
  }
};

// What a user asks of a step's time: how much of it there is in a second, and what it takes.
void report(const SingleBatch& batch, const Timing& timing, const StartTimes& start, bool as_json) {
  const double per_second = 1e3 / timing.median();
  const double rows = static_cast<double>(batch.rows());
  const double peak = static_cast<double>(peak_resident_bytes()) / kMebibyte;
  const training::StepWork work = training::work_of(batch.plan());
  const double moved = static_cast<double>(work.bytes_read + work.bytes_written);
  if (as_json) {
    JsonValue line = json_of(timing);
    start.write_to(line);
    line.set("batch", batch.rows());
    line.set("loss_name", batch.loss_name());
    line.set("steps_per_s", per_second);
    line.set("samples_per_s", per_second * rows);
    line.set("peak_mib", peak);
    line.set("bytes_moved", moved);
    std::printf("%s\n", line.text().c_str());
    return;
  }
  std::printf(
      "first kernel after %s ms, first step after %s; %zu steps: median %s ms, minimum %s ms, "
      "loss %s\n",
      fixed_text(start.kernel_ms, 0).c_str(), fixed_text(start.first_ms, 0).c_str(),
      timing.milliseconds.size(), fixed_text(timing.median(), 4).c_str(),
      fixed_text(timing.milliseconds.front(), 4).c_str(), digits_text(timing.loss, 6).c_str());
  std::printf(
      "batches of %s: %s steps/s, %s samples/s; peak memory %s MiB; the kernels of a step "
      "read and write %s MiB, %s GB/s\n",
      fixed_text(rows, 0).c_str(), digits_text(per_second, 4).c_str(),
      digits_text(per_second * rows, 4).c_str(), fixed_text(peak, 0).c_str(),
      fixed_text(moved / kMebibyte, 2).c_str(), digits_text(moved * per_second / 1e9, 3).c_str());
}

double seconds_of(const std::string& text) {
  const std::optional<double> seconds = read_number(text);
  TEMPER_CHECK(seconds && *seconds > 0 && std::isfinite(*seconds), ErrorCode::kInvalidArgument, "'",
               text, "' is not a number of seconds");
  return *seconds;
}

// One line of numbers of seconds in, one line of JSON out.
void serve(SingleBatch& batch) {
  for (std::string text; std::getline(std::cin, text);) {
    std::printf("%s\n", json_of(time_steps(batch, seconds_of(text))).text().c_str());
    std::fflush(stdout);
  }
}

// All steps, in the plan's order.
std::string profile_json(const SingleBatch& batch, const std::vector<double>& per_step, int count) {
  JsonValue steps = JsonValue::array();
  for (std::size_t i = 0; i < per_step.size(); ++i) {
    const PlanStep& step = batch.plan().steps[i];
    JsonValue one = JsonValue::object();
    one.set("ms", per_step[i] * 1e3 / count);
    one.set("op", step.op);
    one.set("bytes", step.bytes_read + step.bytes_written);
    one.set("type", step.precision());
    one.set("family", step.family);
    one.set("node", step.origin);
    one.set("kernel", step.kernel == nullptr ? std::string{} : step.kernel->description);
    steps.push_back(std::move(one));
  }
  JsonValue line = JsonValue::object();
  line.set("steps", static_cast<std::int64_t>(count));
  line.set("profile", std::move(steps));
  return line.text();
}

// Seconds per step of the plan, the slowest first.
void profile(SingleBatch& batch, double seconds, bool as_json) {
  std::vector<double> per_step(batch.plan().steps.size(), 0);
  int count = 0;
  for (const double end = steady_seconds() + seconds; count == 0 || steady_seconds() < end;
       ++count) {
    batch.step_profiled(per_step);
  }
  if (as_json) {
    std::printf("%s\n", profile_json(batch, per_step, count).c_str());
    return;
  }
  const double total = std::accumulate(per_step.begin(), per_step.end(), 0.0);
  std::vector<std::size_t> order(per_step.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return per_step[a] > per_step[b]; });
  std::printf("%d steps, %s ms each\n", count, fixed_text(total * 1e3 / count, 4).c_str());
  std::printf("%10s %6s  %-24s %-9s %-14s %s\n", "ms", "%", "op", "type", "family", "node");
  double rest = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const PlanStep& step = batch.plan().steps[order[i]];
    const double spent = per_step[order[i]];
    if (i >= kProfileRows) {
      rest += spent;
      continue;
    }
    std::printf("%10s %6s  %-24s %-9s %-14s %s%s%s\n", fixed_text(spent * 1e3 / count, 4).c_str(),
                fixed_text(spent / total * 100, 2).c_str(), step.op.c_str(),
                step.precision().c_str(), step.family.c_str(), step.origin.c_str(),
                step.kernel != nullptr && !step.kernel->description.empty() ? "  " : "",
                step.kernel != nullptr ? step.kernel->description.c_str() : "");
  }
  if (order.size() > kProfileRows) {
    std::printf("%10s %6s  %zu further steps\n", fixed_text(rest * 1e3 / count, 4).c_str(),
                fixed_text(rest / total * 100, 2).c_str(), order.size() - kProfileRows);
  }
}

std::vector<training::NamedTensor> made_arrays(const Arguments& arguments,
                                               training::Recipe& recipe) {
  if (!recipe.data.train.empty()) {
    TEMPER_CHECK(!arguments.has("--batch") && !arguments.has("--sizes"),
                 ErrorCode::kInvalidArgument, recipe.data.train,
                 " is the batch: --batch and --sizes are for one that is made up");
    return {};
  }
  const graph::OnnxModel model =
      graph::OnnxModel::load(recipe.model.path, {recipe.model.external_data_root});
  const auto reference = make_backend("reference");
  recipe.data.train = "made-up numbers";
  return training::make_batch(model, recipe, arguments.integer("--batch", kMadeRows, 1),
                              named_sizes(arguments, "--sizes"), *reference);
}

int run(const Arguments& arguments) {
  const auto [data, parameters] = typed_data(arguments, 1);
  QuickRecipe quick{arguments.positional(0), data, arguments.text("--loss"), parameters};
  if (arguments.has("--optimizer")) {
    quick.parameters.push_back("optimizer.name=" + arguments.text("--optimizer"));
  }
  if (arguments.has("--lr")) {
    quick.parameters.push_back("optimizer.lr=" + arguments.text("--lr"));
  }
  const double seconds =
      arguments.has("--seconds") ? seconds_of(arguments.text("--seconds")) : kDefaultSeconds;
  training::Recipe recipe = make_quick_recipe(quick);
  recipe.train.threads = arguments.integer("--threads", recipe.train.threads, 1);
  take_device(arguments, recipe);
  std::vector<training::NamedTensor> arrays = made_arrays(arguments, recipe);
  SingleBatch batch(recipe, std::move(arrays));
  StartTimes start;
  start.kernel_ms = seconds_since_process_start() * 1e3;
  JsonValue losses = JsonValue::array();
  losses.push_back(batch.step());
  start.first_ms = seconds_since_process_start() * 1e3;
  for (int i = 1; i < (arguments.has("--serve") ? kGateSteps : kWarmUpSteps); ++i) {
    losses.push_back(batch.step());
  }
  if (arguments.has("--profile")) {
    profile(batch, seconds, arguments.has("--json"));
    return 0;
  }
  if (arguments.has("--serve")) {
    JsonValue hello = JsonValue::object();
    start.write_to(hello);
    hello.set("losses", std::move(losses));
    std::printf("%s\n", hello.text().c_str());
    std::fflush(stdout);
    serve(batch);
    return 0;
  }
  report(batch, time_steps(batch, seconds), start, arguments.has("--json"));
  return 0;
}

}  // namespace

Command bench_command() {
  return {
      "bench",
      "times training steps on one batch",
      "The whole file is one batch. Without DATA a batch is made up: random inputs of the model's "
      "shapes and a random\n"
      "target. With --serve: one JSON line with `kernel_ms` and `first_ms` (since the process "
      "began, until the\n"
      "first kernel and until the end of the first step) and the first `losses`; then, for each "
      "number of seconds read, it trains that long and answers one JSON "
      "line.",
      {{"MODEL", "the ONNX file"},
       {"DATA|KEY=VALUE",
        "inputs and `target`, such as an .npz; then parameters of the loss, or any key of a recipe",
        false, true}},
      {{"--data", "FILE", "DATA, as an option"},
       {"--batch", "N", "samples of a batch that is made up; 32 when left out"},
       {"--sizes", "NAME=N,..", "its open dimensions beside the batch; chosen when left out"},
       {"--loss", "NAME", "such as mse or cross_entropy; inferred from the target when left out"},
       {"--optimizer", "NAME", "adamw when left out"},
       {"--lr", "RATE", "the optimizer's own when left out"},
       {"--threads", "N", "threads; all processors when left out"},
       {"--seconds", "N", "of measuring; 3 when left out"},
       device_option(),
       {"--serve", "", "answer numbers of seconds from the standard input"},
       {"--profile", "", "seconds per step of the plan"},
       {"--json", "", "one JSON line, and errors as JSON"}},
      run};
}

}  // namespace temper::cli
