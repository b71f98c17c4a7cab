// The charts of a run: loss, accuracy and learning rate over steps, from what was logged.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tools/charts/figure.h"

namespace temper::cli {

class RunCharts {
 public:
  // The lines of metrics.jsonl. THROWS: kIo, kInvalidData with the line.
  void read(const std::string& metrics_file);
  // Writes RUN/charts/loss, accuracy and learning_rate (.png and .svg), those that have data, and
  // returns their paths without suffix. THROWS: kIo.
  std::vector<std::string> write(const std::string& run_directory) const;

 private:
  charts::Series series(const std::string& metric, const std::string& name) const;

  std::map<std::string, std::map<std::int64_t, double>> points_;  // a step logged twice counts once
};

}  // namespace temper::cli
