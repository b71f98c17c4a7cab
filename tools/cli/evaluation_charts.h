// The charts of an evaluation: who is taken for whom, how well scores rank, how near values come.
#pragma once

#include <string>
#include <vector>

#include "tools/cli/named_chart.h"
#include "training/metrics/set_metrics.h"

namespace temper::cli {

// "confusion_matrix" where classes are told apart, "roc" and "precision_recall" where scores were
// kept, "predictions" of a regression. `data` says of what: "359 validation samples".
std::vector<NamedChart> evaluation_charts(const training::SetMetrics& metrics,
                                          const std::vector<std::string>& class_names,
                                          const std::string& data);

}  // namespace temper::cli
