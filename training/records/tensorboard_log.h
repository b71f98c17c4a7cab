// TensorBoard output of a run: event files in the folders `train` and `val`, so that curves with
// equal tags share a chart. `train/loss` is tag `loss` of run train, `val/loss` of run val; other
// metrics (`opt/lr`) keep their whole name as the tag in run train.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "runtime/platform/files.h"
#include "training/records/metrics_log.h"

namespace temper::training {

// One event file. Threading: one thread at a time. Each call's record reaches readers at once.
class EventFile {
 public:
  // Makes a new file of a free name below `folder` (made if missing). Readers drop what earlier
  // files of the folder hold from `start_step` on.
  EventFile(const std::string& folder, std::int64_t start_step);

  void scalar(std::int64_t step, std::string_view tag, double value);
  void text(std::int64_t step, std::string_view tag, std::string_view markdown);
  void histogram(std::int64_t step, std::string_view tag, std::span<const float> values);
  // `png` is a whole PNG file of that size in pixels.
  void image(std::int64_t step, std::string_view tag, std::span<const std::byte> png, int width,
             int height);
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::unique_ptr<AppendFile> file_;
};

class TensorBoardLog {
 public:
  // `first_step`: the step the run goes on from; 0 for a new run.
  explicit TensorBoardLog(std::string folder, std::int64_t first_step = 0);

  void write(std::int64_t step, std::span<const Metric> metrics);
  // The event file of a run; `val` is made at its first use.
  EventFile& train() { return train_; }
  EventFile& val();

 private:
  std::string folder_;
  std::int64_t first_step_;
  EventFile train_;
  std::unique_ptr<EventFile> val_;
};

}  // namespace temper::training
