// metrics.jsonl: one JSON object a line, {"step": 120, "epoch": 3, "train/loss": 0.4123, ...}.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "runtime/platform/files.h"

namespace temper::training {

struct Metric {
  std::string name;  // such as "train/loss"
  double value = 0;
};

// The line of one step, with its line end. Numbers are the shortest that read back equal;
// non-finite ones are the strings "NaN", "Infinity" and "-Infinity".
std::string metrics_line(std::int64_t step, std::int64_t epoch, std::span<const Metric> metrics);

// One line, read back.
struct LoggedStep {
  std::int64_t step = 0;
  std::int64_t epoch = 0;
  std::vector<Metric> metrics;
};

// Calls `take` for each whole line of a file; a last line that is still being written is left out.
// THROWS: kIo; kInvalidData with file and line.
void read_metrics(const std::string& path, const std::function<void(const LoggedStep&)>& take);

// Threading: one thread at a time.
class MetricsLog {
 public:
  // Begins a new file, or goes on with one.
  explicit MetricsLog(std::string path);
  // Goes on behind the first `keep_bytes` bytes (the offset() a checkpoint recorded); what was
  // written after it is dropped. THROWS: kIo when the file is shorter.
  MetricsLog(std::string path, std::uint64_t keep_bytes);

  // Readers see the line as soon as this returns. THROWS: kIo; a half-written line (disk full) is
  // taken back by the next call, so the file stays one object a line.
  void write(std::int64_t step, std::int64_t epoch, std::span<const Metric> metrics);

  // Bytes of whole lines so far.
  std::uint64_t offset() const { return offset_; }
  void sync() { file_->sync(); }

 private:
  std::string path_;
  std::unique_ptr<AppendFile> file_;
  std::uint64_t offset_ = 0;
  bool damaged_ = false;
};

}  // namespace temper::training
