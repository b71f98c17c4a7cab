#include "tools/cli/adversarial_run.h"

#include <cstdio>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/platform/folders.h"
#include "runtime/platform/signals.h"
#include "tools/cli/memory_report.h"
#include "tools/cli/pass_dump.h"
#include "tools/cli/progress.h"
#include "tools/cli/run_charts.h"
#include "tools/cli/sample_pictures.h"
#include "training/adversarial/adversarial_trainer.h"
#include "training/formats/json.h"

namespace temper::cli {
namespace {

using training::AdversarialResult;
using training::AdversarialSession;
using training::AdversarialTrainer;
using training::RunOutcome;

class Watcher final : public training::RunObserver {
 public:
  Watcher(const AdversarialSession& session, const StopSignals& signals, bool quiet)
      : signals_(signals),
        draws_charts_(session.recipe().log.charts),
        progress_(false, quiet, {"d/loss", "g/loss", "d/real", "d/fake"}) {}

  void watch(AdversarialTrainer& trainer) { trainer_ = &trainer; }
  bool drawing_failed() const { return drawing_failed_; }
  const std::string& last_picture() const { return last_picture_; }
  const std::vector<std::string>& charts() const { return charts_; }

  void started(const std::string& run_directory, const training::RunProgress& progress) override {
    run_directory_ = run_directory;
    progress_.started(run_directory, progress);
  }
  void stepped(const training::RunProgress& progress) override {
    progress_.stepped(progress);
    if (signals_.requested()) {
      trainer_->request_stop();
    }
  }
  void logged(std::int64_t step, std::int64_t, std::span<const training::Metric> line) override {
    progress_.logged(step, line);
  }
  training::DrawnPicture sampled(std::int64_t step, const Tensor& samples,
                                 std::int64_t columns) override {
    training::DrawnPicture picture;
    draw([&] {
      picture = draw_samples(step, samples, columns);
      if (!picture.png.empty()) {
        last_picture_ = write_samples(run_directory_, step, picture);
      }
    });
    return picture;
  }
  void message(std::string_view text) override { progress_.message(text); }
  std::vector<training::DrawnChart> finished(const std::string& run_directory) override {
    std::vector<training::DrawnChart> drawn;
    progress_.finished();
    if (draws_charts_) {
      draw([&] {
        RunCharts charts;
        charts.read(join_path(run_directory, "metrics.jsonl"));
        const std::vector<NamedChart> all = charts.charts();
        charts_ = write_charts(all, join_path(run_directory, "charts"));
        drawn = drawn_charts(all);
      });
    }
    return drawn;
  }

 private:
  // A picture that cannot be written does not end the run; the exit code tells.
  template <class Draw>
  void draw(Draw draw_it) {
    try {
      draw_it();
    } catch (const Error& error) {
      drawing_failed_ = true;
      progress_.message(concat("could not draw: ", error.message()));
    }
  }

  const StopSignals& signals_;
  bool draws_charts_;
  Progress progress_;
  AdversarialTrainer* trainer_ = nullptr;
  std::string run_directory_;
  std::string last_picture_;
  std::vector<std::string> charts_;
  bool drawing_failed_ = false;
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
  watcher.watch(trainer);
  if (arguments.has("--dry-run")) {
    print_memory({trainer.prepare()}, arguments.has("--json"), session.export_bytes());
    return 0;
  }
  const AdversarialResult result = trainer.run();
  print_result(result, session, watcher, arguments.has("--json"));
  if (result.outcome == RunOutcome::kInterrupted) {
    std::fprintf(stderr, "stopped by %s after step %lld; go on with: temper train %s --resume\n",
                 signals.signal_name(), static_cast<long long>(result.steps),
                 result.run_directory.c_str());
    return kStoppedExitCode;
  }
  const bool failed = result.outcome == RunOutcome::kSaveFailed || watcher.drawing_failed();
  return failed ? exit_code(ErrorCode::kIo) : 0;
}

}  // namespace temper::cli
