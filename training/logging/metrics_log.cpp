// The JSON-lines log of a run.
#include "training/logging/metrics_log.h"

#include "training/formats/json.h"

namespace temper::training {

std::string metrics_line(std::int64_t step, std::int64_t epoch, std::span<const Metric> metrics) {
  std::string line = concat("{\"step\": ", step, ", \"epoch\": ", epoch);
  for (const Metric& metric : metrics) {
    line += ", ";
    append_json_string(line, metric.name);
    line += ": ";
    append_json_number(line, metric.value);
  }
  line += "}\n";
  return line;
}

MetricsLog::MetricsLog(std::string path)
    : path_(std::move(path)), file_(std::make_unique<AppendFile>(path_)), offset_(file_->size()) {}

MetricsLog::MetricsLog(std::string path, std::uint64_t keep_bytes)
    : path_(std::move(path)),
      file_(std::make_unique<AppendFile>(path_, keep_bytes)),
      offset_(keep_bytes) {}

void MetricsLog::write(std::int64_t step, std::int64_t epoch, std::span<const Metric> metrics) {
  if (damaged_) {
    file_ = std::make_unique<AppendFile>(path_, offset_);
    damaged_ = false;
  }
  const std::string line = metrics_line(step, epoch, metrics);
  damaged_ = true;
  file_->write(line);
  damaged_ = false;
  offset_ += line.size();
}

}  // namespace temper::training
