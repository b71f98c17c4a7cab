// The charts of a run: loss, accuracy and learning rate over steps, from what was logged.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tools/cli/named_chart.h"

namespace temper::cli {

class RunCharts {
 public:
  // The lines of metrics.jsonl. THROWS: kIo, kInvalidData with the line.
  void read(const std::string& metrics_file);
  // Loss, accuracy, validation metrics, learning rate: those that have data.
  std::vector<NamedChart> charts() const;

 private:
  charts::Series series(const std::string& metric, const std::string& name) const;
  std::vector<charts::Series> val_series(std::initializer_list<std::string_view> names) const;
  std::vector<charts::Series> loss_parts() const;

  std::map<std::string, std::map<std::int64_t, double>> points_;  // a step logged twice counts once
};

}  // namespace temper::cli
