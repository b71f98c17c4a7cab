// The charts of an evaluation: who is taken for whom, and how well scores rank.
#pragma once

#include <string>
#include <vector>

#include "tools/charts/figure.h"
#include "training/metrics/set_metrics.h"

namespace temper::cli {

struct NamedChart {
  std::string name;  // of its files, without suffix
  charts::Panel panel;
};

// "confusion_matrix" where classes are told apart, "roc" and "precision_recall" where scores were
// kept. `data` says of what: "359 validation samples".
std::vector<NamedChart> evaluation_charts(const training::SetMetrics& metrics,
                                          const std::vector<std::string>& class_names,
                                          const std::string& data);

// Writes each as PNG and SVG into the folder, made if missing, and returns the paths without
// suffix. THROWS: kIo.
std::vector<std::string> write_charts(const std::vector<NamedChart>& all,
                                      const std::string& folder);

}  // namespace temper::cli
