// Model outputs, targets, and the metrics that scikit-learn computes of them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "training/metrics/set_metrics.h"

namespace temper::training {

struct MetricCase {
  std::string name;
  Task task;
  std::vector<std::int64_t> shape;  // of the output
  std::vector<double> output;
  std::vector<double> target;  // labels, or values
  std::map<std::string, double> figures;
  std::vector<std::vector<double>> classes;  // precision, recall, F1, support
  MetricSettings settings;
};

std::vector<MetricCase> metric_cases();

}  // namespace temper::training
