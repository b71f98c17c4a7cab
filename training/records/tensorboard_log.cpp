// Event files of a run.
#include "training/records/tensorboard_log.h"

#include "runtime/base/concat.h"
#include "runtime/platform/clock.h"
#include "runtime/platform/folders.h"
#include "training/formats/tfevents.h"

namespace temper::training {
namespace {

// TensorBoard reads every file with "tfevents" in its name, in the order of the names.
std::string free_name(const std::string& folder) {
  const auto seconds = static_cast<std::int64_t>(unix_seconds());
  for (int number = 0;; ++number) {
    std::string path =
        join_path(folder, concat("events.out.tfevents.", seconds, ".temper.", number));
    if (!file_status(path).exists) {
      return path;
    }
  }
}

}  // namespace

EventFile::EventFile(const std::string& folder, std::int64_t start_step) {
  make_directories(folder);
  path_ = free_name(folder);
  file_ = std::make_unique<AppendFile>(path_);
  const double now = unix_seconds();
  file_->write(event_record(version_event(now)));
  // TensorBoard acts on the second mark it meets in a run, so the first file has one as well.
  file_->write(event_record(start_event(now, start_step)));
}

void EventFile::scalar(std::int64_t step, std::string_view tag, double value) {
  file_->write(event_record(scalar_event(unix_seconds(), step, tag, static_cast<float>(value))));
}

void EventFile::text(std::int64_t step, std::string_view tag, std::string_view markdown) {
  file_->write(event_record(text_event(unix_seconds(), step, tag, markdown)));
}

void EventFile::histogram(std::int64_t step, std::string_view tag, std::span<const float> values) {
  file_->write(event_record(histogram_event(unix_seconds(), step, tag, make_histogram(values))));
}

void EventFile::image(std::int64_t step, std::string_view tag, std::span<const std::byte> png,
                      int width, int height) {
  file_->write(event_record(image_event(unix_seconds(), step, tag, png, width, height)));
}

TensorBoardLog::TensorBoardLog(std::string folder, std::int64_t first_step)
    : folder_(std::move(folder)),
      first_step_(first_step),
      train_(join_path(folder_, "train"), first_step) {}

EventFile& TensorBoardLog::val() {
  if (val_ == nullptr) {
    val_ = std::make_unique<EventFile>(join_path(folder_, "val"), first_step_);
  }
  return *val_;
}

void TensorBoardLog::write(std::int64_t step, std::span<const Metric> metrics) {
  constexpr std::string_view kTrain = "train/";
  constexpr std::string_view kVal = "val/";
  for (const Metric& metric : metrics) {
    const std::string_view name = metric.name;
    if (name.starts_with(kVal)) {
      val().scalar(step, name.substr(kVal.size()), metric.value);
    } else {
      train_.scalar(step, name.starts_with(kTrain) ? name.substr(kTrain.size()) : name,
                    metric.value);
    }
  }
}

}  // namespace temper::training
