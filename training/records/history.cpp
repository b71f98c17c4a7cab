#include "training/records/history.h"

#include <algorithm>
#include <map>
#include <vector>

#include "runtime/base/concat.h"
#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"
#include "training/records/metrics_log.h"

namespace temper::training {
namespace {

struct Epoch {
  std::int64_t number = 0;
  std::int64_t step = 0;
  std::map<std::string, std::string> metrics;
};

// Lines at an epoch's end are the first that name the epoch after it; the evaluation's line follows
// at the same step. Step 0 is the model as given.
void take_line(const LoggedStep& line, std::vector<Epoch>& epochs,
               std::vector<std::string>& names) {
  if (line.epoch == 0 && line.step > 0) {
    return;
  }
  if (epochs.empty() || epochs.back().number < line.epoch) {
    epochs.push_back({line.epoch, line.step, {}});
  }
  if (epochs.back().step != line.step) {
    return;
  }
  for (const Metric& metric : line.metrics) {
    epochs.back().metrics[metric.name] = concat(metric.value);
    if (std::find(names.begin(), names.end(), metric.name) == names.end()) {
      names.push_back(metric.name);
    }
  }
}

// What training logs comes first, also where validation was logged before it.
void put_validation_last(std::vector<std::string>& names) {
  std::stable_partition(names.begin(), names.end(),
                        [](const std::string& name) { return !name.starts_with("val/"); });
}

}  // namespace

void write_history(const std::string& run_directory) {
  std::vector<Epoch> epochs;
  std::vector<std::string> names;
  read_metrics(join_path(run_directory, "metrics.jsonl"),
               [&](const LoggedStep& line) { take_line(line, epochs, names); });
  if (epochs.empty()) {
    return;
  }
  put_validation_last(names);
  std::string table = "epoch,step";
  for (const std::string& name : names) {
    table += "," + name;
  }
  table += "\n";
  for (const Epoch& epoch : epochs) {
    table += concat(epoch.number, ",", epoch.step);
    for (const std::string& name : names) {
      const auto found = epoch.metrics.find(name);
      table += "," + (found == epoch.metrics.end() ? std::string{} : found->second);
    }
    table += "\n";
  }
  write_file_atomically(join_path(run_directory, "history.csv"), table);
}

}  // namespace temper::training
