// The JSON-lines log of a run.
#include "training/records/metrics_log.h"

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

void read_metrics(const std::string& path, const std::function<void(const LoggedStep&)>& take) {
  constexpr std::uint64_t kLimit = std::uint64_t{1} << 30;
  const std::string text = read_text_file(path, kLimit);
  int number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    ++number;
    if (end == std::string::npos) {
      return;
    }
    const JsonValue line =
        parse_json(std::string_view(text).substr(begin, end - begin), concat(path, ":", number));
    LoggedStep logged;
    logged.step = line.at("step").as_int("step");
    logged.epoch = line.at("epoch").as_int("epoch");
    for (const JsonMember& member : line.as_object("a line of metrics")) {
      if (member.key != "step" && member.key != "epoch") {
        logged.metrics.push_back({member.key, member.value.as_double(member.key)});
      }
    }
    take(logged);
    begin = end + 1;
  }
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
