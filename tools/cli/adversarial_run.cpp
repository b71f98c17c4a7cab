#include "tools/cli/adversarial_run.h"

#include <cstdio>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/platform/folders.h"
#include "runtime/platform/signals.h"
#include "tools/cli/memory_report.h"
#include "tools/cli/pass_dump.h"
#include "tools/cli/run_watcher.h"
#include "tools/cli/sample_pictures.h"
#include "training/adversarial/adversarial_trainer.h"
#include "training/formats/json.h"

namespace temper::cli {
namespace {

using training::AdversarialResult;
using training::AdversarialSession;
using training::AdversarialTrainer;

class Watcher final : public RunWatcher {
 public:
  Watcher(const AdversarialSession& session, const StopSignals& signals, bool quiet)
      : RunWatcher(session.recipe(), signals,
                   Progress(false, quiet, {"d/loss", "g/loss", "d/real", "d/fake"})) {}

  const std::string& last_picture() const { return last_picture_; }

  training::DrawnPicture sampled(std::int64_t step, const Tensor& samples,
                                 std::int64_t columns) override {
    training::DrawnPicture picture;
    draw(" the samples", [&] {
      picture = draw_samples(step, samples, columns);
      if (!picture.png.empty()) {
        last_picture_ = write_samples(run_directory(), step, picture);
      }
    });
    return picture;
  }

 private:
  std::string last_picture_;
};

void print_result(const AdversarialResult& result, const AdversarialSession& session,
                  const Watcher& watcher, bool as_json) {
  std::vector<std::pair<const char*, std::string>> lines;
  if (!result.generator.empty()) {
    lines.emplace_back("generator", result.generator);
    lines.emplace_back("discriminator", result.discriminator);
  }
  if (!watcher.last_picture().empty()) {
    lines.emplace_back("samples", watcher.last_picture());
  }
  if (!watcher.charts().empty()) {
    lines.emplace_back("charts", join_path(result.run_directory, "charts"));
  } else if (!as_json && !watcher.why_no_charts().empty()) {
    lines.emplace_back("charts", concat("none: ", watcher.why_no_charts()));
  }
  if (session.recipe().log.tensorboard) {
    lines.emplace_back("tensorboard", join_path(result.run_directory, "tensorboard"));
  }
  if (!as_json) {
    for (const auto& [name, path] : lines) {
      std::printf("%-13s  %s\n", name, path.c_str());
    }
    return;
  }
  training::JsonValue line = training::JsonValue::object();
  line.set("outcome", to_string(result.outcome));
  line.set("steps", result.steps);
  line.set("skipped", result.skipped);
  line.set("run", result.run_directory);
  for (const auto& [name, path] : lines) {
    line.set(name, path);
  }
  std::printf("%s\n", line.text().c_str());
}

}  // namespace

int run_adversarial(const Arguments& arguments, training::Recipe recipe) {
  const StopSignals signals;
  const bool quiet = arguments.has("--quiet");
  training::EngineOptions options;
  options.observer = dump_passes_to(arguments.text("--dump-passes"));
  AdversarialSession session(std::move(recipe), std::move(options));
  if (!quiet) {
    print_notes(session.notes());
  }
  Watcher watcher(session, signals, quiet);
  AdversarialTrainer trainer(session, watcher, arguments.has("--resume"));
  watcher.stop_by([&] { trainer.request_stop(); });
  if (arguments.has("--dry-run")) {
    print_memory({trainer.prepare()}, arguments.has("--json"), session.export_bytes());
    return 0;
  }
  const AdversarialResult result = trainer.run();
  print_result(result, session, watcher, arguments.has("--json"));
  return tell_end({result.outcome, result.steps, result.run_directory, ""}, watcher, signals);
}

}  // namespace temper::cli
