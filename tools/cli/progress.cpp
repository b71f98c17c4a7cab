#include "tools/cli/progress.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "runtime/base/concat.h"
#include "runtime/base/number_text.h"
#include "runtime/platform/clock.h"
#include "runtime/platform/terminal.h"
#include "runtime/platform/threads.h"

namespace temper::cli {
namespace {

constexpr double kRedrawSeconds = 0.1;
constexpr int kBarWidth = 24;
constexpr double kEtaSeconds = 5;  // a run's first seconds tell little
constexpr double kBusySeconds = 1;

std::string duration_text(double seconds) {
  const auto whole = static_cast<long long>(std::lround(std::max(seconds, 0.0)));
  char text[32];
  if (whole < 3600) {
    std::snprintf(text, sizeof text, "%lld:%02lld", whole / 60, whole % 60);
  } else {
    std::snprintf(text, sizeof text, "%lld:%02lld:%02lld", whole / 3600, whole / 60 % 60,
                  whole % 60);
  }
  return text;
}

}  // namespace

Progress::Progress(bool expects_validation, bool quiet, std::vector<std::string> shown)
    : shown_(std::move(shown)),
      expects_validation_(expects_validation),
      quiet_(quiet),
      bar_(!quiet && is_terminal(OutputStream::kStderr)) {}

void Progress::started(const std::string& run_directory, const training::RunProgress& progress) {
  progress_ = progress;
  first_step_ = progress.step;
  began_ = steady_seconds();
  measured_ = processor_times();
  if (!quiet_) {
    std::fprintf(stderr, "%s: %lld steps, %lld epochs%s\n", run_directory.c_str(),
                 static_cast<long long>(progress.total_steps),
                 static_cast<long long>(progress.total_epochs),
                 progress.step > 0 ? concat(", going on after step ", progress.step).c_str() : "");
  }
}

void Progress::stepped(const training::RunProgress& progress) {
  epoch_ended_ = progress.epoch > progress_.epoch;
  progress_ = progress;
  if (bar_ && steady_seconds() - last_draw_ >= kRedrawSeconds) {
    draw_bar();
  }
}

void Progress::logged(std::int64_t step, std::span<const training::Metric> metrics) {
  bool validation = false;
  for (const training::Metric& metric : metrics) {
    latest_[metric.name] = metric.value;
    validation = validation || metric.name == "val/loss";
  }
  const bool last = progress_.step >= progress_.total_steps;
  if (!quiet_ && (validation || (!expects_validation_ && (epoch_ended_ || last)))) {
    print_line(step);
    epoch_ended_ = false;
  }
}

void Progress::print_line(std::int64_t step) {
  // At an epoch's end `epoch` is already the next one, that is, the number of finished ones.
  const std::int64_t epoch = epoch_ended_ ? progress_.epoch : progress_.epoch + 1;
  std::string line = concat(step == 0 ? std::string("as given")
                                      : concat("epoch ", epoch, "/", progress_.total_epochs,
                                               "  step ", step, "/", progress_.total_steps));
  for (const std::string& name : shown_) {
    if (const auto found = latest_.find(name); found != latest_.end()) {
      line += concat("  ", name, " ", fixed_text(found->second, 4));
    }
  }
  if (const auto rate = latest_.find("perf/samples_per_s"); rate != latest_.end()) {
    line += concat("  ", fixed_text(rate->second, 0), " samples/s", loader_text());
  }
  if (const auto seconds = latest_.find("perf/epoch_s"); seconds != latest_.end()) {
    line += concat("  ", fixed_text(seconds->second, seconds->second < 10 ? 2 : 0), " s");
  }
  if (progress_.step < progress_.total_steps && steady_seconds() - began_ > kEtaSeconds) {
    line += concat("  ", duration_text(seconds_left()), " left");
  }
  line += busy_text();
  clear_bar();
  std::fprintf(stderr, "%s\n", line.c_str());
}

// Of steps that wait for their batches.
std::string Progress::loader_text() const {
  const auto rate = latest_.find("perf/data_samples_per_s");
  const auto share = latest_.find("perf/data_wait_share");
  if (rate == latest_.end() || share == latest_.end() || !is_starving(share->second)) {
    return {};
  }
  return concat(" (", fixed_text(share->second * 100, 0),
                "% of the time waiting for data, which come at ", fixed_text(rate->second, 0), ")");
}

std::string Progress::busy_text() {
  if (steady_seconds() - measured_.wall >= kBusySeconds) {
    const ProcessorTimes now = processor_times();
    const double used = processors_used_elsewhere(measured_, now);
    const int processors = available_processors();
    measured_ = now;
    busy_text_ = is_busy_elsewhere(used, processors)
                     ? concat("  (other programs use ", fixed_text(used, 1), " of ", processors,
                              " processors)")
                     : std::string();
  }
  return busy_text_;
}

void Progress::message(std::string_view text) {
  clear_bar();
  std::fprintf(stderr, "%.*s\n", static_cast<int>(text.size()), text.data());
}

void Progress::finished() { clear_bar(); }

void Progress::draw_bar() {
  last_draw_ = steady_seconds();
  const double share = progress_.total_steps > 0 ? static_cast<double>(progress_.step) /
                                                       static_cast<double>(progress_.total_steps)
                                                 : 0;
  const int full = std::clamp(static_cast<int>(share * kBarWidth), 0, kBarWidth);
  std::string line =
      concat("[", std::string(static_cast<std::size_t>(full), '='),
             std::string(static_cast<std::size_t>(kBarWidth - full), ' '), "] ", progress_.step,
             "/", progress_.total_steps, "  loss ", fixed_text(progress_.loss, 4), "  ",
             fixed_text(progress_.samples_per_second, 0), " samples/s  ",
             duration_text(seconds_left()), " left", busy_text());
  line.resize(std::min(line.size(), static_cast<std::size_t>(
                                        std::max(terminal_width(OutputStream::kStderr) - 1, 1))));
  std::fprintf(stderr, "\r\033[K%s", line.c_str());
  std::fflush(stderr);
  bar_shown_ = true;
}

double Progress::seconds_left() const {
  const double done = static_cast<double>(std::max<std::int64_t>(progress_.step - first_step_, 1));
  return (steady_seconds() - began_) / done *
         static_cast<double>(progress_.total_steps - progress_.step);
}

void Progress::clear_bar() {
  if (bar_shown_) {
    std::fputs("\r\033[K", stderr);
    bar_shown_ = false;
  }
}

}  // namespace temper::cli
