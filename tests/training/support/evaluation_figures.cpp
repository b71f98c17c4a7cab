#include "tests/training/support/evaluation_figures.h"

#include <utility>

#include "training/session/evaluation.h"
#include "training/session/run_metrics.h"

namespace temper::training {

std::vector<double> evaluation_figures(const Recipe& recipe, EngineOptions options) {
  Session session(recipe, std::move(options));
  SetMetrics metrics = make_set_metrics(session, wanted_metrics(session));
  const Evaluation found = evaluate_validation_rows(session, metrics);
  std::vector<double> figures = {found.loss};
  for (const MetricValue& metric : found.metrics) {
    figures.push_back(metric.value);
  }
  return figures;
}

}  // namespace temper::training
